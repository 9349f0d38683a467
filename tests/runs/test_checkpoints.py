"""Tests for checkpoints.py."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
import zoo
from callbacks.resuming import Fixed, digest, fixed_env
from damages import damages
from stable_baselines3 import SAC

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.exceptions import CheckpointError, ConfigError, RunFolderError
from sb3_prune.runs import checkpoints
from sb3_prune.runs.snapshot import Snapshot

FILES = ["model.zip", "random.safetensors", "replay.safetensors", "state.json"]
INTERRUPTING = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def pruned(name: str, **kwargs: Any) -> Any:
    """Return a model that was trained, cut and trained."""
    model: Any = zoo.train(zoo.make_model(name, env=fixed_env(name), **kwargs))
    sp.apply(model, zoo.random_plan(model.policy))
    zoo.train_on(model)
    return model


def again(model: Any, folder: Path, **kwargs: Any) -> Any:
    """Load what was saved of a model."""
    env = Fixed(gym.make("Pendulum-v1")) if "env" not in kwargs else kwargs.pop("env")
    return checkpoints.load(type(model), folder, env, **kwargs)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with one checkpoint of a tiny SAC."""
    checkpoints.save(zoo.trained("SAC"), tmp_path, {"it": {"x": 1}})
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_everything_is_restored_and_training_goes_on_alike(
    name: str, tmp_path: Path
) -> None:
    model = pruned(name)
    checkpoints.save(model, tmp_path, {"cuts": [3, 4]})
    before = digest(model)
    if zoo.is_off_policy(model):
        model.train(gradient_steps=3, batch_size=16)
    after = digest(model)
    loaded, states = again(model, tmp_path, env=fixed_env(name))
    assert digest(loaded) == before
    assert states == {"cuts": [3, 4]}
    assert sp.wire(loaded.policy).units() == sp.wire(model.policy).units()
    assert loaded.num_timesteps == model.num_timesteps
    if zoo.is_off_policy(model):
        loaded.set_logger(model.logger)
        loaded.train(gradient_steps=3, batch_size=16)
        assert digest(loaded) == after != before


def test_the_generators_go_on_where_they_were(saved: Path) -> None:
    def draws(model: Any) -> list[Any]:
        return [
            random.gauss(0, 1),
            *np.random.normal(size=3).tolist(),
            *torch.randn(3).tolist(),
            *model.action_space.sample().tolist(),
        ]

    random.gauss(0, 1), np.random.normal()  # Each keeps a second number for later.
    model = zoo.trained("SAC")
    checkpoints.save(model, saved)
    expected = draws(model)
    assert draws(again(model, saved)[0]) == expected


def test_another_episode_begins_than_at_the_start_of_the_run(saved: Path) -> None:
    def first(model: Any) -> list[float]:
        return model.env.reset().tolist()  # type: ignore[no-any-return]

    def load() -> Any:
        return again(zoo.trained("SAC"), saved, env=gym.make("Pendulum-v1"))[0]

    assert first(load()) == first(load()) != first(zoo.make_model("SAC"))


def test_a_model_without_a_seed_is_saved_too(tmp_path: Path) -> None:
    model = SAC("MlpPolicy", "Pendulum-v1", buffer_size=10, device="cpu")
    checkpoints.save(model, tmp_path)
    assert digest(again(model, tmp_path)[0]) == digest(model)


def test_a_checkpoint_has_these_files_and_this_state(saved: Path) -> None:
    folder = checkpoints.latest(saved)
    assert folder == saved / "64"
    assert sorted(p.name for p in folder.iterdir()) == FILES
    state = json.loads((folder / "state.json").read_text())
    assert state["algorithm"] == "SAC" and state["num_timesteps"] == 64
    assert state["states"] == {"it": {"x": 1}}
    assert state["versions"]["torch"] == torch.__version__


@pytest.mark.slow
@pytest.mark.parametrize(("keep", "left"), [(1, ["192"]), (2, ["128", "192"])])
def test_older_checkpoints_go(tmp_path: Path, keep: int, left: list[str]) -> None:
    model = zoo.make_model("PPO")
    for _ in range(3):
        zoo.train_on(model)
        checkpoints.save(model, tmp_path, keep=keep)
    assert sorted(p.name for p in tmp_path.iterdir()) == left
    assert checkpoints.latest(tmp_path) == tmp_path / "192"
    earliest = checkpoints.load(type(model), tmp_path / left[0], zoo.make_env("PPO"))
    assert earliest[0].num_timesteps == int(left[0])


def test_a_second_checkpoint_of_the_same_timesteps_is_the_newer(saved: Path) -> None:
    model = zoo.trained("SAC")
    for number in range(1, 11):
        path = checkpoints.save(model, saved, {"number": number})
        assert path.name == f"64.{number}"
    assert again(model, saved)[1] == {"number": 10}
    assert [p.name for p in saved.iterdir()] == ["64.10"]


def test_a_folder_ahead_of_the_model_is_refused(saved: Path) -> None:
    model = zoo.make_model("SAC")
    with pytest.raises(CheckpointError, match=r"has a checkpoint of 64 .*run is at 0"):
        checkpoints.save(model, saved)
    assert [p.name for p in saved.iterdir()] == ["64"]


def kill_at(event: int, act: Callable[[], object]) -> bool:
    """Do something in a fork that is killed at its n-th change of a file, if any."""
    state = random.getstate()
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads; this one touches none.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        random.setstate(state)  # A fork draws a new one.
        left = iter(range(event))

        def hook(name: str, _: Any) -> None:
            if name in INTERRUPTING and next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_of_saving_leaves_a_whole_checkpoint(
    tmp_path: Path,
) -> None:
    model = zoo.train(zoo.make_model("SAC"))
    moments: dict[str, int] = {}
    for event in range(1000):
        folder = tmp_path / str(event)
        model.num_timesteps = 64
        checkpoints.save(model, folder)
        whole = {"64": digest(model)}
        model.num_timesteps = 65
        whole["65"] = digest(model)
        killed = kill_at(event, lambda folder=folder: checkpoints.save(model, folder))  # type: ignore[misc]
        latest = checkpoints.latest(folder)
        assert latest is not None
        assert digest(again(model, folder)[0]) == whole[latest.name]
        moments[latest.name] = moments.get(latest.name, 0) + 1
        model.num_timesteps = 66
        checkpoints.save(model, folder)  # Cleans up.
        assert [p.name for p in folder.iterdir()] == ["66"]
        if not killed:
            break
    assert moments["64"] > 8 and moments["65"] > 8


def test_a_failed_save_leaves_the_old_checkpoint_and_nothing_else(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("sb3_prune.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(zoo.trained("SAC"), saved)
    assert [p.name for p in saved.iterdir()] == ["64"]


def test_unfinished_and_foreign_things_do_not_count(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path) is None
    assert checkpoints.latest(tmp_path / "nowhere") is None
    for name in ("99", ".checkpoint-ab", "notes", "1.2.3"):
        (tmp_path / name).mkdir()
    assert checkpoints.latest(tmp_path) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (None, "it is not a folder"),
        ([], "it has nothing"),
        (["notes", "b"], "named by its timesteps.*it has b, notes"),
    ],
)
def test_no_checkpoint_is_an_error_that_says_what_is_there(
    tmp_path: Path, names: list[str] | None, message: str
) -> None:
    for name in names or []:
        (tmp_path / "here" / name).mkdir(parents=True)
    if names == []:
        (tmp_path / "here").mkdir()
    with pytest.raises(CheckpointError, match=message):
        again(zoo.trained("SAC"), tmp_path / "here")


def test_another_format_is_refused(saved: Path) -> None:
    state = saved / "64" / "state.json"
    state.write_text(state.read_text().replace('"format": 2', '"format": 7'))
    with pytest.raises(CheckpointError, match=r"has format 7, .* reads formats 1 to 2"):
        again(zoo.trained("SAC"), saved)


def test_another_algorithm_or_environment_is_refused(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="checkpoint of SAC, not of TD3"):
        again(zoo.trained("TD3"), saved)
    with pytest.raises(CheckpointError, match="spaces do not match"):
        again(zoo.trained("SAC"), saved, env=zoo.make_env("PPO"))


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(saved: Path, name: str) -> None:
    file = saved / "64" / name
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=name):
        again(zoo.trained("SAC"), saved)


def test_states_that_are_no_json_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "new"
    for act in (checkpoints.save, checkpoints.check):
        with pytest.raises(
            CheckpointError, match=r"'bad' cannot be stored as JSON: .*set"
        ):
            act(zoo.trained("SAC"), folder, {"good": 1, "bad": {2}})
    assert not folder.exists()


def test_at_least_one_checkpoint_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keep must be at least 1, got 0"):
        checkpoints.save(zoo.trained("SAC"), tmp_path, keep=0)
    assert not list(tmp_path.iterdir())


# Damage.

OLD = Path(__file__).parents[1] / "fixtures" / "checkpoints"
"""A checkpoint of format 1, without checksums."""


@pytest.mark.parametrize("name", FILES)
def test_any_damage_is_found(saved: Path, name: str) -> None:
    file = saved / "64" / name
    for data in damages(file.read_bytes(), 75):
        file.write_bytes(data)
        with pytest.raises(CheckpointError, match="64"):
            again(zoo.trained("SAC"), saved)
    file.unlink()
    with pytest.raises(CheckpointError, match="64"):
        again(zoo.trained("SAC"), saved / "64")


def test_a_missing_file_is_named(saved: Path) -> None:
    (saved / "64" / "random.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"random.safetensors' is missing"):
        again(zoo.trained("SAC"), saved)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES[1:])
def test_damage_of_an_old_checkpoint_raises_no_other_error(
    tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(OLD, tmp_path / "old")
    file = folder / "64" / name
    for data in damages(file.read_bytes(), 20):
        file.write_bytes(data)
        try:
            checkpoints.load(SAC, folder, zoo.make_env("SAC"))
        except CheckpointError as error:
            assert "64" in str(error)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "1", "'format' in .* must be int, got '1'"),
        ("algorithm", None, "'algorithm' in .* must be str, got None"),
        ("states", [1], r"'states' in .* must be dict, got \[1\]"),
        ("algorithm", ..., "no 'algorithm' in .*state.json"),
        ("states", ..., "no 'states' in .*state.json"),
    ],
)
def test_keys_of_an_old_state_are_checked(
    tmp_path: Path, key: str, value: Any, message: str
) -> None:
    folder = shutil.copytree(OLD, tmp_path / "old")
    state = json.loads((folder / "64" / "state.json").read_text())
    state[key] = value
    kept = {name: item for name, item in state.items() if item is not ...}
    (folder / "64" / "state.json").write_text(json.dumps(kept))
    with pytest.raises(CheckpointError, match=message):
        checkpoints.load(SAC, folder, zoo.make_env("SAC"))


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", '[["format", 1]]', "3", ""])
def test_a_state_that_is_no_mapping_is_refused(saved: Path, text: str) -> None:
    (saved / "64" / "state.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"state\.json"):
        again(zoo.trained("SAC"), saved)


def test_words_of_a_generator_that_are_none_are_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(OLD, tmp_path / "old")
    file = folder / "64" / "random.safetensors"
    whole = Snapshot.read(file)
    for name, wrong in [
        ("python", whole.arrays["python"] - 2**40),
        ("numpy", whole.arrays["numpy"][:3]),
        ("torch", whole.arrays["torch"][:9]),
    ]:
        Snapshot(arrays={**whole.arrays, name: wrong}, values=whole.values).write(file)
        with pytest.raises(CheckpointError, match=r"random.safetensors' is missing or"):
            checkpoints.load(SAC, folder, zoo.make_env("SAC"))


# What else lies in the folder.

HEX = "0123456789abcdef"


def test_only_our_own_leftovers_are_deleted(saved: Path) -> None:
    kept = [".my-notes", f".notes-{HEX}", ".checkpoint-ab", ".64-short", f".-{HEX}"]
    for name in (*kept, f".64-{HEX}", f".64.1-{HEX}"):
        (saved / name).mkdir()
        (saved / name / "file").touch()
    (saved / f".65-{HEX}").touch()
    (saved / f".66-{HEX}").symlink_to(saved / ".my-notes")
    (saved / ".checkpoint-x").symlink_to(saved / "nowhere")
    (saved / ".checkpoint-y").touch()
    checkpoints.save(zoo.trained("SAC"), saved)
    expected = [*kept, f".65-{HEX}", f".66-{HEX}", ".checkpoint-x", ".checkpoint-y"]
    assert sorted(p.name for p in saved.iterdir()) == sorted([*expected, "64.1"])
    assert (saved / ".my-notes" / "file").exists()


def test_a_name_that_is_taken_is_not_used(saved: Path) -> None:
    (saved / "64.1").mkdir()
    (saved / "64.2").touch()
    assert checkpoints.save(zoo.trained("SAC"), saved).name == "64.3"
    assert sorted(p.name for p in saved.iterdir()) == ["64.1", "64.2", "64.3"]


def test_a_checkpoint_behind_a_link_stays_where_it_is(
    saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "it"
    (saved / "64").rename(elsewhere)
    (saved / "64").symlink_to(elsewhere)
    checkpoints.save(zoo.trained("SAC"), saved)
    assert [p.name for p in saved.iterdir()] == ["64.1"]
    assert sorted(p.name for p in elsewhere.iterdir()) == FILES


@pytest.mark.parametrize("folder", [None, 3, ["x"]])
def test_what_is_no_path_is_refused(folder: Any) -> None:
    model: Any = zoo.trained("SAC")
    for use in (
        lambda: checkpoints.load(SAC, folder, fixed_env("SAC")),
        lambda: checkpoints.save(model, folder),
        lambda: checkpoints.check(model, folder),
        lambda: checkpoints.latest(folder),
    ):
        with pytest.raises(ConfigError, match="folder must be a path, got"):
            use()


def test_impossible_folders_are_named(tmp_path: Path) -> None:
    model: Any = zoo.trained("SAC")
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / ("a" * 5000), tmp_path / "a\0b"):
        with pytest.raises(CheckpointError):
            checkpoints.load(SAC, folder, fixed_env("SAC"))
        for use in (checkpoints.save, checkpoints.check):
            with pytest.raises(RunFolderError, match="cannot be created"):
                use(model, folder)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("states", [[1], [], {1: "a"}, "ab"])
def test_states_that_have_no_names_are_refused(states: Any, tmp_path: Path) -> None:
    model: Any = zoo.trained("SAC")
    for use in (checkpoints.save, checkpoints.check):
        with pytest.raises(CheckpointError, match="states must map names to states"):
            use(model, tmp_path, states)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_nobody_can_load_is_told_of(tmp_path: Path) -> None:
    model = zoo.make_model("SAC", stock=True)
    surgery.apply(model, zoo.random_plan(model.policy))
    with pytest.warns(UserWarning, match=r"SACPolicy .*adopt\(model\)") as told:
        checkpoints.save(model, tmp_path)
    assert told[0].filename == __file__
    with pytest.raises(CheckpointError, match="size mismatch"):
        checkpoints.load(SAC, tmp_path, fixed_env("SAC"))
    sp.adopt(model)
    checkpoints.save(model, tmp_path)
    loaded, _ = checkpoints.load(SAC, tmp_path, fixed_env("SAC"))
    assert sp.wire(loaded).units() == sp.wire(model).units()
