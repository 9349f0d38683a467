"""What is written replaces an older export of its kind, whole, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sb3_prune_export import NumpyExporter, OnnxExporter
from sb3_prune_export.numpy_exporter import CODE, MARK

from sb3_prune.exceptions import RunFolderError
from sb3_prune.exporting.targets import check_path, empty, replacing


def test_files_get_their_suffix(tmp_path: Path) -> None:
    for name in ("robot", "robot.onnx"):
        found = check_path(tmp_path / name, OnnxExporter(), overwrite=False)
        assert found == tmp_path / "robot.onnx"
    found = check_path(tmp_path / "robot.v2", NumpyExporter(), overwrite=False)
    assert found == tmp_path / "robot.v2"


def test_a_folder_is_replaced_whole_or_not(tmp_path: Path) -> None:
    target = tmp_path / "robot"
    for text in ("first", "second"):
        with replacing(target, NumpyExporter()) as temporary:
            (temporary / text).write_text(text)
            empty(temporary)
            (temporary / CODE).write_text(f"{MARK} {text}")
        assert [file.name for file in target.iterdir()] == [CODE]
    with (
        pytest.raises(RunFolderError, match="cannot be written: no space"),
        replacing(target, NumpyExporter()) as temporary,
    ):
        raise OSError("no space")
    assert (target / CODE).read_text() == f"{MARK} second"
    assert [file.name for file in tmp_path.iterdir()] == ["robot"]
    assert check_path(target, NumpyExporter(), overwrite=True) == target
    with pytest.raises(RunFolderError, match="exists"):
        check_path(target, NumpyExporter(), overwrite=False)


def older(folder: Path) -> Path:
    """Write a folder as of an older export."""
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "x.pyc").write_text("")
    (folder / CODE).write_text(f"{MARK} old")
    return folder


def write(target: Path) -> None:
    with replacing(target, NumpyExporter()) as temporary:
        (temporary / CODE).write_text(f"{MARK} new")


def test_files_of_others_in_a_folder_stay(tmp_path: Path) -> None:
    target = older(tmp_path / "robot")
    (target / "my_control.py").write_text("precious")
    with pytest.raises(RunFolderError, match=r"robot' holds my_control.py besides"):
        write(target)
    assert (target / "my_control.py").read_text() == "precious"
    assert (target / CODE).read_text() == f"{MARK} old"
    assert [file.name for file in tmp_path.iterdir()] == ["robot"]
    (target / "my_control.py").unlink()
    write(target)
    assert [file.name for file in target.iterdir()] == [CODE]


def test_a_link_stays_one(tmp_path: Path) -> None:
    older(tmp_path / "elsewhere" / "real")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "real")
    target = check_path(tmp_path / "link", NumpyExporter(), overwrite=True)
    write(target)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "real" / CODE).read_text() == f"{MARK} new"
    (tmp_path / "link.onnx").symlink_to("robot")
    with replacing(tmp_path / "link.onnx", OnnxExporter()) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "robot").read_text() == "new"
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"elsewhere", "link", "link.onnx", "robot"}


def test_the_old_one_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = older(tmp_path / "robot")
    rename, calls = Path.rename, []

    def failing(self: Path, to: Any) -> Path:
        calls.append(to)
        if len(calls) == 3:  # The new one has its name beside, the old one is away.
            raise OSError("no")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(RunFolderError, match="cannot be written: no"):
        write(target)
    assert (target / CODE).read_text() == f"{MARK} old"
    assert [file.name for file in tmp_path.iterdir()] == ["robot"]
