"""Tests for storage.py."""

import gc
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording.storage import Storage


def open_files() -> list[str]:
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    return [line for line in lines if "sb3-prune-" in line]


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_arrays_are_zeros_and_writable(limit: int) -> None:
    storage = Storage(24, limit)
    assert storage.on_disk is (limit == 0)
    array = storage.zeros(2, 3, 4)
    assert array.shape == (2, 3, 4)
    assert array.dtype == np.float32
    assert not array.any()
    array[1, 2] = 7
    assert array.sum() == 28


def test_arrays_of_nothing_need_no_file() -> None:
    assert Storage(10, 0).zeros(3, 0).shape == (3, 0)


def test_files_live_as_long_as_a_view_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = Storage(100, 0).zeros(10, 10)
    array[:] = np.arange(10)
    view = array[:, 3:]
    del array
    gc.collect()
    assert (view[5] == np.arange(3, 10)).all()
    del view
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    assert open_files() == []


def test_too_small_a_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 5, 5))
    Storage(1000, 4000)
    with pytest.raises(ConfigError, match=r"may need 4\.0 GB, but .* has 0\.0 GB"):
        Storage(10**9, 0)
