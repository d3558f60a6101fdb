"""What a disk refuses is told by one rule, whoever met it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sync_server.domain.errors import Refusal
from sync_server.store.folders import disk_trouble


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EFBIG, "disk_full"),
        (errno.EACCES, "folder_unusable"),
        (errno.EROFS, "folder_unusable"),
    ],
)
def test_a_disks_refusal_is_named(tmp_path: Path, number: int, code: str) -> None:
    with pytest.raises(Refusal, match=code) as told, disk_trouble(tmp_path):
        raise OSError(number, os.strerror(number))
    assert told.value.facts == {"folder": str(tmp_path)}


def test_a_caller_may_call_a_full_disk_otherwise(tmp_path: Path) -> None:
    with (
        pytest.raises(Refusal, match="photo_storage_full"),
        disk_trouble(tmp_path, full="photo_storage_full"),
    ):
        raise OSError(errno.EDQUOT, "")
