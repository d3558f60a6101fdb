"""Addresses given by a browser: only ways within this site are followed."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import url_for


def local_path(wanted: str) -> str:
    """Return ``wanted`` when it is a path of this site, else the first page's.

    Browsers read ``//host`` and ``/\\host`` as another site, and drop control characters.
    """
    home = url_for("home.today_page")
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return home
    if any(char < " " or char == "\\" for char in wanted):
        return home
    parts = urlsplit(wanted)
    return wanted if not parts.scheme and not parts.netloc else home
