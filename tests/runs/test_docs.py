"""Tests for docs/many.md."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import zoo

import sb3_prune as sp
from runs.made import gradual, make_run
from runs.working import give, job
from sb3_prune.runs import Job, carry_out, read_table

PAGE = Path(__file__).parents[2] / "docs" / "many.md"
TRAINING, CLUSTER, COMPARING, SMALL = re.findall(
    r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
)


def test_the_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Shortened, and stopped when it is done but for its last evaluation."""
    code = TRAINING.replace("episodes=100", "episodes=1").replace("seed=seed", "seed=0")
    names: dict[str, object] = {"__name__": "a_script"}
    exec(code.replace("env, seed=0", "env, n_steps=128, seed=0"), names)
    arguments = {"sparsity": 0.8, "seed": 0, "steps": 256}
    train = names["train"]
    copied = tmp_path / "copied"

    def stopped(folder: Path, **arguments: object) -> object:
        result = train(folder, **arguments)  # type: ignore[operator]
        shutil.copytree(folder, copied)
        return result

    with ThreadPoolExecutor(1) as pool:
        made = Job(name="a", function=stopped, arguments=arguments)  # type: ignore[arg-type]
        first = carry_out([made], tmp_path, executor=pool)["a"]
    assert first["units"] == 52 and first["return"] >= 8
    assert train(copied, **arguments) == first  # type: ignore[operator]


def test_the_small_dense_agent() -> None:
    model = zoo.trained("PPO")
    env = zoo.make_env("PPO")
    names = {"sp": sp, "model": model, "new_env": env}
    exec(SMALL.replace("1_000_000", "32"), names)
    small: Any = names["small"]
    assert sp.wire(small.policy).units() == sp.wire(model.policy).units()
    assert small.num_timesteps == 32
    changed = re.search(
        r"`(from_scratch\(model, new_env, .*?\))`", PAGE.read_text("utf-8")
    )
    assert changed is not None
    assert eval(f"sp.{changed[1]}", names).learning_rate == 3e-4


def test_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With threads in its place; test_cluster.py has a real one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sb3_prune.runs.on_cluster", lambda _: ThreadPoolExecutor(1))
    exec(CLUSTER, {"jobs": [job("a", give, result={"x": 1})]})
    assert read_table("runs/mine.parquet") == [{"job": "a", "x": 1}]


def test_the_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        make_run(Path(f"runs/dense-{seed}"), [1, 5], parameters=900, seed=seed)
        kind = gradual(0.9)
        make_run(Path(f"runs/pruned-{seed}"), [1, 4], strategy=kind, seed=seed)
    exec(COMPARING, {})
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "ppo dense 5.0 (5.0, 5.0) 900.0"
    assert said[-1] == "['ppo magnitude', 'ppo dense']"
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "returns.png",
        "sizes.png",
    ]
