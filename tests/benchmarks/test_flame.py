"""A flame graph that is kept names no machine."""

from __future__ import annotations

from benchmarks.flame import TITLE, plain
from benchmarks.servers import ROOT


def test_a_kept_picture_names_modules_and_no_machine() -> None:
    raw = (
        "<text>/home/a/.venv/bin/py-spy record --pid 7 --output /tmp/x.svg</text>"
        f"<title>exchange ({ROOT.as_posix()}/sync_server/services/sync.py:57)</title>"
        "<title>run (/home/a/.venv/lib/python3.11/site-packages/flask/app.py:9)</title>"
        "<title>wait (/usr/lib/python3.11/threading.py:331)</title>"
    )
    assert plain(raw) == (
        f"<text>{TITLE}</text>"
        "<title>exchange (sync_server/services/sync.py:57)</title>"
        "<title>run (flask/app.py:9)</title>"
        "<title>wait (threading.py:331)</title>"
    )


def test_a_command_that_is_cut_short_takes_nothing_else_away():
    raw = (
        "<text>process 7:&quot;python -m sync_server --data ..</text></g>"
        "<g><title>process 8:&quot;python -m sync_server&quot; (9 samples)</title></g>"
    )
    assert plain(raw) == ("<text>worker</text></g><g><title>worker (9 samples)</title></g>")
