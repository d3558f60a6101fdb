"""Which addresses a centre may have."""

from __future__ import annotations

import socket

import pytest

from field_app.sync_client import SyncFault, centre_address, reachable


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("https://grid.example.cn", "https://grid.example.cn"),
        (" https://grid.example.cn/ ", "https://grid.example.cn"),
        ("grid.example.cn", "https://grid.example.cn"),
        ("grid.example.cn:8443", "https://grid.example.cn:8443"),
        ("HTTPS://Grid.Example.cn", "https://grid.example.cn"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://网格.example.cn", "https://网格.example.cn"),
    ],
)
def test_an_address_is_read_as_scheme_host_and_port(typed, read):
    assert centre_address(typed) == read


@pytest.mark.parametrize(
    "typed",
    ["", "   ", "ftp://x", "https://", "https://user:pw@x", "https://x/path", "https://x?q=1",
     "https://x#f", "https://x:99999", "https://x:abc", "https://a b", "javascript:alert(1)",
     "https://[::1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address_is_refused(typed):
    with pytest.raises(SyncFault, match="bad_address"):
        centre_address(typed)


@pytest.mark.parametrize("typed", ["http://grid.example.cn", "http://10.0.0.8:8000"])
def test_an_unencrypted_address_needs_to_be_allowed(typed):
    with pytest.raises(SyncFault, match="plain_http"):
        centre_address(typed)
    assert centre_address(typed, allow_http=True) == typed


def test_a_door_is_tried_without_saying_anything():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert reachable(f"http://127.0.0.1:{port}")
    assert not reachable(f"http://127.0.0.1:{port}")
