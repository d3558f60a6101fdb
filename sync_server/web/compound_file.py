"""The compound file (一小区一档案): one page to read or print."""

from __future__ import annotations

from sync_server.services.compound_file import open_file, unmask_file
from sync_server.web.files import file_pages

blueprint = file_pages("compound_file", "/compounds", open_file, unmask_file)
