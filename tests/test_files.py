"""Tests for files.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.files import (
    atomic,
    atomic_folder,
    hidden,
    naming,
    unhidden,
    write_bytes,
    write_text,
)


def test_text_is_written_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "θ\n")
    assert path.read_bytes() == "θ\n".encode()


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError, match="half-way"), atomic(path) as temporary:
        temporary.write_bytes(b"ne")
        raise RuntimeError("half-way")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("writer", [atomic, atomic_folder, naming])
def test_a_full_disk_names_what_was_written(writer: Any, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(OSError) as caught, writer(path):
        raise OSError(28, "No space left on device")  # As write() does.
    assert str(caught.value) == f"[Errno 28] No space left on device: '{path}'"
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_names_a_file_keeps_it(tmp_path: Path) -> None:
    other = OSError(13, "Permission denied", "other")
    for error in (other, ConfigError("bad"), OSError("nameless")):
        before = str(error)
        with pytest.raises(type(error)) as caught, naming(tmp_path):
            raise error
        assert str(caught.value) == before


def test_the_old_file_stays_whole_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with atomic(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_name_keeps_folder_and_suffix(tmp_path: Path) -> None:
    with atomic(tmp_path / "model.zip") as temporary:
        temporary.touch()
        assert temporary.suffix == ".zip" and temporary.parent == tmp_path


def test_two_writers_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with atomic(path) as first, atomic(path) as second:
        assert first != second
        first.touch()
        second.touch()


def test_the_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_bytes(tmp_path / "ours", b"")
    modes = {(tmp_path / name).stat().st_mode for name in ("usual", "ours")}
    assert len(modes) == 1


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_bytes(tmp_path / "nowhere" / "a.bin", b"")


def test_a_folder_gets_its_name_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "above" / "folder"
    with atomic_folder(target) as temporary:
        (temporary / "file").write_text("whole")
        assert not target.exists()
    assert (target / "file").read_text() == "whole"
    assert [p.name for p in target.parent.iterdir()] == ["folder"]


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), atomic_folder(tmp_path / "a") as folder:
        (folder / "file").touch()
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_hidden_names_are_told_from_those_of_others(tmp_path: Path) -> None:
    assert unhidden(hidden(tmp_path / "64.1").name) == "64.1"
    for name in (".my-notes", ".64-0123", "64-0123456789abcdef", ".-0123456789abcdef"):
        assert unhidden(name) is None


@pytest.mark.parametrize("path", [".", "", "/", None, 3])
def test_what_names_no_file_is_refused(path: Any) -> None:
    with pytest.raises(ConfigError, match=r"names no file|must be a path, got"):
        write_bytes(path, b"")
