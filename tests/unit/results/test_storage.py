"""Failed writes become errors with a path and a next step."""

import errno
import os

import pytest

from leanglot.errors import StorageError
from leanglot.results.storage import full_disk_errors, storage_error, storage_errors


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [
        (errno.ENOSPC, "no space left", "bytes are free"),
        (errno.EDQUOT, "no space left", "bytes are free"),
        (errno.EACCES, "not permitted: Permission denied", "permissions"),
        (errno.EROFS, "not permitted: Read-only file system", "permissions"),
        (errno.EIO, "cannot be written: Input/output error", "--out"),
    ],
)
def test_each_failure_says_what_to_do(tmp_path, number, message, hint):
    path = tmp_path / "gone" / "file"
    error = storage_error(path, OSError(number, os.strerror(number)))
    assert str(path) in error.message
    assert message in error.message
    assert hint in error.hint


def test_the_size_is_told_where_it_is_known(tmp_path):
    error = storage_error(tmp_path, OSError(errno.ENOSPC, ""), needed_bytes=12345)
    assert "12,345 bytes are needed" in error.message
    assert "needed" not in storage_error(tmp_path, OSError(errno.ENOSPC, "")).message


def test_only_the_system_s_errors_are_translated(tmp_path):
    with pytest.raises(ValueError, match="other"), storage_errors(tmp_path):
        raise ValueError("other")
    with pytest.raises(StorageError), storage_errors(tmp_path):
        raise OSError(errno.EIO, "x")


def test_a_full_disk_is_known_by_its_words_too(tmp_path):
    with pytest.raises(StorageError, match="no space left"), full_disk_errors(tmp_path):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(StorageError, match="no space left"), full_disk_errors(tmp_path):
        raise RuntimeError("I/O error: Disk quota exceeded (os error 122)")
    with pytest.raises(RuntimeError, match="other"), full_disk_errors(tmp_path):
        raise RuntimeError("other")
