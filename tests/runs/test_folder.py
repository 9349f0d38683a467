"""Tests for runs.py."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from stable_baselines3 import SAC
from zoo import trained

import sb3_prune
from sb3_prune.exceptions import RunFolderError
from sb3_prune.runs.folder import ARTEFACTS, RunFolder, check_free, versions


def make_old_run(path: Path) -> Path:
    path.mkdir()
    for name in (*ARTEFACTS, "events.out.tfevents.1.host.2", "notes.txt"):
        (path / name).write_text("{}")
    (path / "config.json").write_text('{"command": ["sb3-prune", "train"]}')
    return path


def test_a_new_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a" / "b")
    assert folder.path.is_dir()
    assert not folder.is_complete


def test_the_summary_completes_it(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    folder.write_json("summary.json", {"x": [1]})
    assert folder.is_complete
    assert json.loads((folder.path / "summary.json").read_text()) == {"x": [1]}
    folder.write_json("summary.json", {"x": [float("nan")]})
    assert json.loads((folder.path / "summary.json").read_text()) == {"x": ["nan"]}


def test_an_old_run_stays_unless_told(tmp_path: Path) -> None:
    old = make_old_run(tmp_path / "run")
    with pytest.raises(RunFolderError, match="pass --overwrite"):
        RunFolder.create(old)
    assert len(list(old.iterdir())) == len(ARTEFACTS) + 2


def test_overwriting_takes_the_runs_files_only(tmp_path: Path) -> None:
    folder = RunFolder.create(make_old_run(tmp_path / "run"), overwrite=True)
    left = {file.name for file in folder.path.iterdir()}
    assert left == {"notes.txt", "config.json"}
    RunFolder.create(folder.path, overwrite=True)  # It can be told to be of a run.


def test_overwriting_leaves_no_empty_folder_of_the_best(tmp_path: Path) -> None:
    old = make_old_run(tmp_path / "run")
    (old / "best").mkdir(exist_ok=True)
    (old / "best" / "model.zip").write_text("old")
    RunFolder.create(old, overwrite=True)
    assert not (old / "best").exists()


def test_of_two_that_begin_at_once_one_has_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sb3_prune.runs.folder.check_free", lambda *_, **__: None)
    RunFolder.create(tmp_path / "run").write_json("config.json", {"first": True})
    with pytest.raises(RunFolderError, match="run' has just appeared"):
        RunFolder.create(tmp_path / "run")
    assert (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_folders_and_files_are_safe(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    for path in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(RunFolderError, match="not a run folder"):
            RunFolder.create(path, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_folder_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be created"):
        check_free(tmp_path / "file" / "run")
    for path in (tmp_path / ("é" * 130), "nul\0", tmp_path / ("x" * 250), "/proc/x"):
        with pytest.raises(RunFolderError, match="cannot be created"):
            check_free(path)

    def refuse(**_: object) -> None:
        raise PermissionError("no writing here")

    monkeypatch.setattr("sb3_prune.runs.folder.TemporaryFile", refuse)
    with pytest.raises(RunFolderError, match="cannot be created: no writing here"):
        check_free(tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "config", ['{"model_type": "bert"}', '{"command": ["other"]}', "[]", "{", "\xff"]
)
def test_a_folder_with_a_config_of_somebody_else_is_safe(
    tmp_path: Path, config: str
) -> None:
    old = make_old_run(tmp_path / "hub")
    (old / "config.json").write_text(config, "latin-1")
    before = {file: file.read_bytes() for file in old.iterdir()}
    with pytest.raises(RunFolderError, match=r"hub' exists and is not a run folder"):
        RunFolder.create(old, overwrite=True)
    assert {file: file.read_bytes() for file in old.iterdir()} == before


def test_a_saved_model(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    folder.save("model.zip", trained("SAC"))
    assert [file.name for file in folder.path.iterdir()] == ["model.zip"]
    SAC.load(folder.path / "model.zip")


def test_the_logger_writes_a_table_and_events(tmp_path: Path) -> None:
    logger = RunFolder.create(tmp_path / "run").logger()
    for step in (1, 2):
        logger.record("a/b", step * 0.5)
        logger.dump(step)
    logger.close()
    with open(tmp_path / "run" / "metrics.csv") as file:
        assert list(csv.DictReader(file)) == [{"a/b": "0.5"}, {"a/b": "1.0"}]
    assert len(list((tmp_path / "run").glob("events.out.tfevents.*"))) == 1


def test_versions() -> None:
    found = versions()
    assert found["sb3-prune"] == sb3_prune.__version__
    assert {"python", "torch", "stable-baselines3"} <= found.keys()


def test_the_root_is_no_run_folder() -> None:
    with pytest.raises(RunFolderError, match="'/' cannot be created"):
        check_free("/")


def test_a_simulator_that_has_died_leaves_an_incomplete_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    told = r"died.*run' is incomplete"
    with pytest.raises(RunFolderError, match=told), folder.filling():
        raise BrokenPipeError(32, "the simulator has died")
