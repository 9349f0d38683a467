"""Tests for cli/zoo.py: folders of RL Zoo are found, and read safely."""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from cli.rl_zoo import TIME, write_yaml
from sb3_prune.cli.surroundings import Surroundings
from sb3_prune.cli.zoo import find_zoo, read_zoo
from sb3_prune.exceptions import ConfigError

ENV = "CartPole-v1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that says nothing yet."""
    path = tmp_path / f"{ENV}_1" / ENV
    path.mkdir(parents=True)
    write_yaml(path / "config.yml", {})
    return path


def read(folder: Path, name: str = "config", **content: Any) -> Surroundings:
    write_yaml(folder / f"{name}.yml", content)
    return read_zoo(folder)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (f"{ENV}.zip", True),
        ("best_model.zip", True),
        ("rl_model_10000_steps.zip", True),
        ("mine.zip", False),
    ],
)
def test_zips_of_a_folder(name: str, known: bool, folder: Path) -> None:
    assert find_zoo(folder.parent / name) == (folder if known else None)


def test_another_folder_beside_a_zip(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    assert find_zoo(tmp_path / "agent.zip") is None


def test_the_best_agent_of_one_of_several(folder: Path) -> None:
    (folder.parent / "Other-v1").mkdir()
    write_yaml(folder.parent / "Other-v1" / "args.yml", {})
    with pytest.raises(ConfigError, match=r"several .*: CartPole-v1, Other-v1\."):
        find_zoo(folder.parent / "best_model.zip")
    assert find_zoo(folder.parent / f"{ENV}.zip") == folder


def test_nothing_is_said(folder: Path) -> None:
    nothing = Surroundings(source=folder, modules=[], wrappers=[], vec_wrappers=[])
    assert read_zoo(folder) == nothing


def test_arguments(folder: Path) -> None:
    kwargs = OrderedDict(size=(1, 2), more=OrderedDict())
    packages = ["a", "b"]
    found = read(folder, "args", env=ENV, env_kwargs=kwargs, gym_packages=packages)
    assert (found.env, found.modules) == (ENV, packages)
    assert found.env_kwargs == {"size": (1, 2), "more": {}}


def test_arguments_of_the_hyperparameters(folder: Path) -> None:
    """An agent was trained in this environment; the command line replaces them all."""
    assert read(folder, env_kwargs={"g": 5.0, "a": 1}).env_kwargs == {"g": 5.0, "a": 1}
    for kwargs, found in ((None, {"g": 5.0, "a": 1}), ({"g": 2.0}, {"g": 2.0})):
        assert read(folder, "args", env=ENV, env_kwargs=kwargs).env_kwargs == found


def test_settings(folder: Path) -> None:
    steps = {TIME: {"max_steps": 5}}
    found = read(folder, env_wrapper=[TIME, steps], frame_stack=4, vec_env_wrapper="v")
    assert (found.wrappers, found.frame_stack) == ([TIME, steps], 4)
    assert found.vec_wrappers == ["v"]


@pytest.mark.parametrize("normalize", [True, "dict(norm_obs=False)", {"gamma": 0.9}])
def test_normalised(normalize: object, folder: Path) -> None:
    """Statistics are wanted even if they are missing, so that it is noticed."""
    statistics = folder / "vecnormalize.pkl"
    assert read(folder, normalize=normalize).statistics == statistics
    assert read(folder, normalize=False).statistics is None


def test_statistics_without_settings(folder: Path) -> None:
    (folder / "config.yml").unlink()
    write_yaml(folder / "args.yml", {"env": ENV})
    assert read_zoo(folder).statistics is None
    (folder / "vecnormalize.pkl").touch()
    assert read_zoo(folder).statistics == folder / "vecnormalize.pkl"


def test_objects_that_are_not_needed_are_not_made(folder: Path) -> None:
    found = read(folder, policy_kwargs={"activation_fn": nn.ReLU}, frame_stack=2)
    assert found.frame_stack == 2


@pytest.mark.parametrize("key", ["env_wrapper", "frame_stack", "normalize"])
def test_objects_that_are_needed_are_refused(key: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=f"'{key}' has a value that cannot be read"):
        read(folder, **{key: [nn.ReLU]})


def test_no_code_is_run(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    for tag in ("object/apply:os.mkdir", "object/new:os.mkdir"):
        (folder / "config.yml").write_text(f"a: !!python/{tag} ['{bad}']\n")
        assert read_zoo(folder).frame_stack == 1
    assert not bad.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "cannot be read: while parsing"),
        ("a: !strange b", "cannot be read: could not determine a constructor"),
        ("- 1", r"must have settings by name, got \[1\]"),
        ("[" * 3000, "cannot be read: maximum recursion depth"),
        ("frame_stack: 0", "frame_stack must be at least 1, got 0"),
        ("normalize: 3", r"'normalize' must be bool \| str \| dict, got 3"),
        ("frame_stack: many", "'frame_stack' must be int, got 'many'"),
    ],
)
def test_bad_files(text: str, message: str, folder: Path) -> None:
    (folder / "config.yml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_zoo(folder)


def test_without_pyyaml(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"needs PyYAML: pip install 'sb3-prune\[zoo"):
        read_zoo(folder)
