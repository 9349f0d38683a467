"""Tests for cli/running.py."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.logger import CSVOutputFormat
from zoo import OFF

import sb3_prune as sp
from sb3_prune.cli.environments import find_env
from sb3_prune.cli.options import RunOptions
from sb3_prune.cli.running import Run
from sb3_prune.exceptions import (
    CompactError,
    PlanError,
    RunFolderError,
    UnknownNameError,
)
from sb3_prune.pruning import make_strategy
from sb3_prune.runs.folder import ARTEFACTS, RunFolder


def make_run(out: Path, config: dict[str, Any] | None = None, **changes: Any) -> Run:
    more = {"timesteps": 64, "eval_episodes": 1, "eval_every": 1000}
    more |= {"no_verify": True, "out": out}
    options = RunOptions(**({"env": "Pendulum-v1"} | more | changes))
    maker = find_env(options.env, {}, lambda _: True)
    kwargs = {**OFF, "policy_kwargs": {"net_arch": [8, 8]}}
    return Run(
        command="train",
        arguments=["--algo", "sac"],
        options=options,
        algorithm="sac",
        model=SAC(sp.MaskedSACPolicy, maker.make(1), seed=0, **kwargs),
        maker=maker,
        strategy=None if config is None else make_strategy("magnitude", config),
        physical=not options.masks_only,
        keep_best=options.keep_best,
    )


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


@pytest.mark.slow
def test_a_run_fills_its_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"final_sparsity": 0.5})
    results = run.carry_out()
    names = {file.name for file in (tmp_path / "run").iterdir()}
    events = {name for name in names if name.startswith("events.out.tfevents.")}
    assert names - events == set(ARTEFACTS) - {"vecnormalize.pkl"}
    assert len(events) == 1
    assert results.sparsity == 0.5
    assert set(sp.wire(run.model.policy).units().values()) == {4}
    assert RunFolder(tmp_path / "run").is_complete


@pytest.mark.slow
def test_the_configuration_repeats_the_run(tmp_path: Path) -> None:
    make_run(tmp_path / "run", {}).carry_out()
    config = read(tmp_path / "run", "config.json")
    assert config["command"] == ["sb3-prune", "train", "--algo", "sac"]
    assert config["options"]["seed"] == 0
    assert config["options"]["out"] == str(tmp_path / "run")
    assert config["strategy"]["name"] == "magnitude"
    assert config["strategy"]["options"]["final_sparsity"] == 0.8
    assert config["env"] == {"id": "Pendulum-v1", "kwargs": {}}
    assert config["versions"]["sb3-prune"] == sp.__version__


@pytest.mark.slow
def test_metrics_have_the_last_row(tmp_path: Path) -> None:
    make_run(tmp_path / "run", {"final_sparsity": 0.5}).carry_out()
    with open(tmp_path / "run" / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["time/total_timesteps"] == "0"
    assert rows[-1]["time/total_timesteps"] == "64"
    assert float(rows[-1]["prune/sparsity"]) == 0.5
    assert float(rows[-1]["eval/mean_reward"]) < 0


@pytest.mark.slow
def test_a_dense_run(tmp_path: Path) -> None:
    results = make_run(tmp_path / "run").carry_out()
    assert (results.sparsity, results.tested_before) == (0, None)
    assert [entry["timesteps"] for entry in results.widths] == [0, 64]
    assert read(tmp_path / "run", "config.json")["strategy"] is None


@pytest.mark.slow
def test_masks_only(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"final_sparsity": 0.5}, masks_only=True)
    assert run.carry_out().sparsity == 0.5
    assert set(sp.wire(run.model.policy).units().values()) == {8}
    plain = SAC.load(tmp_path / "run" / "plain.zip")
    assert set(sp.wire(plain.policy).units().values()) == {4}


@pytest.mark.slow
def test_without_tests(tmp_path: Path) -> None:
    results = make_run(tmp_path / "run", {}, eval_episodes=0).carry_out()
    assert results.tested_after is None
    assert not (tmp_path / "run" / "learning.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("equal", [True, False])
def test_the_plain_zip_is_verified(
    equal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sb3_prune.cli.running.loads_equal", lambda *_: equal)
    results = make_run(tmp_path / "run", {}, no_verify=False).carry_out()
    assert results.plain_load_equal is equal
    assert read(tmp_path / "run", "summary.json")["plain_load_equal"] is equal


@pytest.mark.slow
def test_no_plain_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise CompactError("too wide")

    monkeypatch.setattr("sb3_prune.cli.running.save_plain", fail)
    results = make_run(tmp_path / "run", {}).carry_out()
    assert (results.plain_load_equal, results.plain_problem) == (None, "too wide")


def test_a_network_that_is_not_there_is_noticed_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="network 'q_net'"):
        make_run(tmp_path / "run", {"networks": ("q_net",)})
    assert list(tmp_path.iterdir()) == []


def test_a_state_of_another_shape_is_noticed_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {})
    optimizer = run.model.actor.optimizer  # type: ignore[attr-defined]
    for parameter in run.model.actor.parameters():  # type: ignore[attr-defined]
        optimizer.state[parameter]["exp_avg"] = torch.zeros(3, 2)
    with pytest.raises(PlanError, match="keeps exp_avg in another shape"):
        replace(run)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(RunFolder, "write_json", fail)
    with pytest.raises(OSError, match="No space"):
        make_run(tmp_path / "run", {}, eval_episodes=0).carry_out()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, TypeError])
def test_ctrl_c_and_what_is_no_json_leave_no_empty_folder(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise error

    monkeypatch.setattr(RunFolder, "write_json", interrupt)
    with pytest.raises(error):
        make_run(tmp_path / "run", {}, eval_episodes=0).carry_out()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["write", "save"])
def test_a_full_disk_while_it_runs_is_told_with_the_name(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    place = CSVOutputFormat if broken == "write" else RunFolder
    monkeypatch.setattr(place, broken, fail)
    path = tmp_path / "run"
    text = re.escape(f"device: '{path}'. The run folder '{path}' is incomplete.")
    with pytest.raises(RunFolderError, match=text):
        make_run(path, {}, eval_episodes=0).carry_out()
    assert not RunFolder(path).is_complete


def test_a_run_that_fails_is_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", {}, eval_episodes=0)
    monkeypatch.setattr(run.model, "train", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.carry_out()
    assert not RunFolder(tmp_path / "run").is_complete
    assert (tmp_path / "run" / "config.json").exists()
