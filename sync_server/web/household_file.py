"""The household file (一户一档): one page to read or print."""

from __future__ import annotations

from sync_server.services.household_file import open_file, unmask_file
from sync_server.web.files import file_pages

blueprint = file_pages("household_file", "/households", open_file, unmask_file)
