"""Tests for runs/grouping.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runs.made import gradual, make_run
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.finished import FinishedRun
from sb3_prune.runs.grouping import grouped


def groups(folder: Path, *kinds: dict[str, Any]) -> dict[str, list[str]]:
    """Return label -> names of the folders 0, 1, 2, ..., one for each kind."""
    paths = [make_run(folder / str(i), **kind) for i, kind in enumerate(kinds)]
    found = grouped([FinishedRun.read(path) for path in paths])
    return {label: [run.folder.name for run in runs] for label, runs in found.items()}


def test_other_seeds_are_one_group_and_other_settings_another(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        {"seed": 1},
        {"seed": 1, "strategy": gradual(0.9)},
        {"seed": 2, "progress": "off", "overwrite": True},
        {"seed": 1, "strategy": gradual(0.5)},
        {"seed": 2, "strategy": gradual(0.9)},
        {"seed": 1, "net_arch": [6, 6]},
    )
    assert found == {
        "ppo dense": ["0", "2"],
        "ppo magnitude final_sparsity=0.9": ["1", "4"],
        "ppo magnitude final_sparsity=0.5": ["3"],
        "ppo dense net_arch=[6, 6]": ["5"],
    }


def test_nothing_more_is_said_than_tells_groups_apart(tmp_path: Path) -> None:
    found = groups(tmp_path, {"strategy": gradual(0.9)}, {"n_envs": 8})
    assert list(found) == ["ppo magnitude", "ppo dense"]


def test_an_option_that_is_off_is_not_one_that_is_automatic(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        {"seed": 1, "strategy": gradual(0.9, compensate=None)},
        {"seed": 1, "strategy": gradual(0.9, compensate=False)},
        {"seed": 2, "strategy": gradual(0.9, compensate=False, begin=0.0)},
        {"seed": 2, "strategy": gradual(0.9, compensate=None), "masks_only": False},
    )
    assert list(found.values()) == [["0", "3"], ["1"], ["2"]]
    assert list(found)[1].endswith("compensate=False")


def test_commands_are_told_apart_by_what_both_have(tmp_path: Path) -> None:
    train = {"policy": "auto", "algo_kwargs": "n_steps=128", "timesteps": 2048}
    prune = {"command": "prune", "play_episodes": 3, "model": "a.zip", "timesteps": 0}
    found = groups(
        tmp_path,
        {**train, "net_arch": [16, 16], "strategy": gradual(0.9)},
        {**train, "net_arch": [8, 8], "strategy": gradual(0.9)},
        {**prune, "strategy": gradual(0.9)},
        {**train, "net_arch": [8, 8]},
    )
    assert list(found) == [
        "ppo magnitude train net_arch=[16, 16] timesteps=2048",
        "ppo magnitude train net_arch=[8, 8] timesteps=2048",
        "ppo magnitude prune timesteps=0",
        "ppo dense",
    ]


def test_the_command_is_enough_if_sizes_differ_with_it(tmp_path: Path) -> None:
    now = {"units": 6, "command": "prune", "model": "a.zip"}
    kinds = [{"units": 8}, now, {"units": 7}]
    for count, told in ((2, ""), (3, " built=8 16")):
        each = ({**kind, "strategy": gradual(0.9)} for kind in kinds[:count])
        first, second, *_ = groups(tmp_path / f"{count}", *each)
        assert (first, second) == (f"ppo magnitude train{told}", "ppo magnitude prune")


def test_sizes_tell_runs_of_a_command_apart_that_nothing_else_does(
    tmp_path: Path,
) -> None:
    now = {"units": 6, "command": "prune", "model": "a.zip", "timesteps": 0}
    long = {"timesteps": 2048}
    kinds: list[dict[str, Any]] = [{"units": 8} | long, now, {"units": 7} | long]
    found = groups(tmp_path, *({**kind, "strategy": gradual(0.9)} for kind in kinds))
    first, second, third = found
    assert second == "ppo magnitude prune timesteps=0"
    assert first.endswith("built=8 16") and third.endswith("built=7 16")


def test_older_runs_lack_options_that_are_off(tmp_path: Path) -> None:
    later = {"seed": 2, "keep_best": False, "new": None, "label": None}
    assert groups(tmp_path, {"seed": 1}, later) == {"ppo dense": ["0", "1"]}


def test_labels_of_users(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        {"seed": 1, "label": "mine"},
        {"seed": 2, "label": "mine"},
        {"seed": 1, "label": "yours"},
        {"seed": 1},
    )
    assert found == {"mine": ["0", "1"], "yours": ["2"], "ppo dense": ["3"]}


def test_a_label_with_two_kinds_of_settings_is_refused(tmp_path: Path) -> None:
    kinds = {"seed": 1, "label": "x"}, {"seed": 2, "label": "x", "n_envs": 4}
    with pytest.raises(
        ConfigError,
        match=r"0' and '.*1' share the label 'x', but .*: n_envs None and 4",
    ):
        groups(tmp_path, *kinds)


def test_small_dense_agents_of_several_pruned_ones_differ_in_size(
    tmp_path: Path,
) -> None:
    own: dict[str, Any] = {"label": "small", "command": "scratch"}
    first = {**own, "seed": 1, "model": "a.zip", "units": 8}
    found = groups(tmp_path, first, {**own, "seed": 2, "model": "b.zip", "units": 6})
    assert found == {"small": ["0", "1"]}
    other = {**own, "seed": 2, "model": "b.zip", "timesteps": 7}
    with pytest.raises(ConfigError, match="but not their settings: timesteps"):
        groups(tmp_path / "other", first, other)


def test_one_run_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"0' and '.*1' are one run twice: .* seed 1"):
        groups(tmp_path, {}, {})


def test_a_label_that_a_group_has_by_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"Different runs have the label \['ppo dense"
    ):
        groups(tmp_path, {}, {"label": "ppo dense", "seed": 2})


def test_agents_pruned_from_other_zips_are_of_one_kind_if_the_label_says_so(
    tmp_path: Path,
) -> None:
    zips = {"model": "dense-1/model.zip"}, {"model": "dense-2/model.zip"}
    assert groups(tmp_path / "a", *zips) == {
        "ppo dense model=dense-1/model.zip": ["0"],
        "ppo dense model=dense-2/model.zip": ["1"],
    }
    labelled = [{**each, "label": "pruned"} for each in zips]
    assert groups(tmp_path / "b", *labelled) == {"pruned": ["0", "1"]}


@pytest.mark.parametrize("checksum", [{"checksum": "aa"}, {}])
@pytest.mark.parametrize("label", [{"label": "pruned"}, {}])
def test_one_zip_is_known_however_its_path_is_typed(
    checksum: dict[str, Any], label: dict[str, Any], tmp_path: Path
) -> None:
    paths = [
        "base/model.zip",
        "base/../base/model",
        str(Path("base/model.zip").resolve()),
    ]
    kinds = [{"model": path, **checksum, **label} for path in paths]
    for other in kinds[1:]:
        folder = tmp_path / str(kinds.index(other))
        with pytest.raises(ConfigError, match=r"0' and '.*1' are one run twice"):
            groups(folder, kinds[0], other)


def test_zips_that_had_one_path_are_told_apart(tmp_path: Path) -> None:
    kinds = [{"model": "model.zip", "checksum": each} for each in ("aa", "bb")]
    labelled = [{**each, "label": "pruned"} for each in kinds]
    assert groups(tmp_path / "a", *labelled) == {"pruned": ["0", "1"]}
    with pytest.raises(ConfigError, match="Different runs have the label"):
        groups(tmp_path / "b", *kinds)
