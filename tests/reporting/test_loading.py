"""Tests for reporting/loading.py."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path
from typing import Any

import pytest
from gymnasium import register
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp
from reporting.made import whole_run
from sb3_prune.cli.algorithms import ALGORITHMS
from sb3_prune.cli.lines import ExportOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.exporting.compaction import stock_class
from sb3_prune.reporting.loading import (
    OURS,
    STOCK,
    absent,
    asks_for_env,
    export_lines,
    plain_code,
    pruned_code,
    shown,
)
from sb3_prune.reporting.reported import ReportedRun


def test_every_algorithm_has_classes() -> None:
    assert STOCK.keys() == ALGORITHMS.keys()


@pytest.mark.parametrize("name", STOCK)
def test_classes_are_those_of_the_zips(name: str, tmp_path: Path) -> None:
    """The plain zip has the policy of a stock class, the pruned one that of ours."""
    run = ReportedRun.read(whole_run(tmp_path / "a", config={"algorithm": name}))
    names: dict[str, type] = {}
    exec(plain_code(run, "'x'").partition("\n")[0], names)
    stock = names[STOCK[name][1]]
    assert not stock.__module__.startswith("sb3_prune")
    exec(pruned_code(run, "'x'").partition("\n")[0], names)
    ours = names[OURS.get(name, STOCK[name][1])]
    assert ours is ALGORITHMS[name].cls
    assert issubclass(ours, stock)
    assert not stock_class(ALGORITHMS[name].policy).__module__.startswith("sb3_prune")


def test_code_of_a_run(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "odd" \\ <b>'
    run = ReportedRun.read(
        whole_run(folder, files=("model.zip", "plain.zip", "vecnormalize.pkl"))
    )
    plain, pruned, export = shown(run).values()
    for code, name in ((plain, "plain.zip"), (pruned, "model.zip")):
        texts = [
            n.value
            for n in ast.walk(ast.parse(code))
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ]
        assert "env.training = env.norm_reward = False" in code
        statistics = str(folder / "vecnormalize.pkl")
        assert texts == ["CartPole-v1", statistics, str(folder / name)]
    assert export.splitlines() == export_lines(run)
    kinds = {shlex.split(line)[4] for line in export_lines(run)}
    assert kinds == {"c", "onnx", "numpy"}
    for line in export_lines(run):
        assert shlex.split(line)[2] == str(folder / "model.zip")
        assert shlex.split(line)[-1] == str(folder / "vecnormalize.pkl")
        read = parse(ExportOptions, shlex.split(line)[2:], "export")
        assert str(read.vecnormalize) == str(folder / "vecnormalize.pkl")


@pytest.mark.filterwarnings("ignore:.*render_mode:UserWarning")
def test_hindsight_replay_is_loaded_with_its_environment(tmp_path: Path) -> None:
    """SB3 refuses to load such a zip without one."""
    kwargs = {"n_bits": 3, "continuous": True, "max_steps": 5}
    register("Flip-v0", "stable_baselines3.common.envs:BitFlippingEnv")
    model = SAC(
        sp.MaskedSACMultiInputPolicy,
        make_vec_env("Flip-v0", env_kwargs=kwargs),
        replay_buffer_class=HerReplayBuffer,
        device="cpu",
    )
    config = {"algorithm": "sac", "env": {"id": "Flip-v0", "kwargs": kwargs}}
    folder = whole_run(tmp_path / "run", config=config)
    model.save(folder / "model.zip")
    sp.compact(model).save(folder / "plain.zip")
    plain, pruned, _ = shown(ReportedRun.read(folder)).values()
    for code in (plain, pruned):
        names: dict[str, Any] = {}
        exec(code, names)
        assert names["model"].get_env() is not None


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_what_is_no_zip_asks_for_no_environment(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(content)
    assert not asks_for_env(tmp_path / "model.zip")
    assert not asks_for_env(tmp_path / "absent.zip")


def test_what_is_not_there_is_not_offered(tmp_path: Path) -> None:
    run = ReportedRun.read(whole_run(tmp_path / "a", files=("model.zip",)))
    assert len(shown(run)) == 2
    assert export_lines(run)[0].endswith("--vecnormalize none")
    other = {"algorithm": "my-own"}
    run = ReportedRun.read(whole_run(tmp_path / "b", config=other))
    assert shown(run) == {}
    assert list(absent(run)) == ["How to load an agent of 'my-own' is not known here."]
