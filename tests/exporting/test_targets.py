"""What is written replaces an older export of its kind, whole, and nothing else."""

from __future__ import annotations

from pathlib import Path

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
