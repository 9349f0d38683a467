"""RL Zoo as a client: the configurations of examples/rl_zoo train, act and export."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.conftest import Command, command  # noqa: F401  # a fixture
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from torch import nn

import sb3_prune as sp
from examples.rl_zoo import dqn

FOLDER = Path(__file__).parents[1] / "examples" / "rl_zoo"
PAGE = (FOLDER.parents[1] / "docs" / "rl_zoo.md").read_text("utf-8")
CLASSES = {"ppo": PPO, "sac": SAC, "dqn": DQN}
SETTINGS: dict[tuple[str, str], dict[str, Any]] = {
    (algo, env): given
    for algo, many in {
        "ppo": yaml.safe_load((FOLDER / "ppo.yml").read_text()),
        "sac": yaml.safe_load((FOLDER / "sac.yml").read_text()),
        "dqn": dqn.hyperparams,
    }.items()
    for env, given in many.items()
}
"""Algorithm and environment -> the settings."""
ARM = "sb3_prune/PlanarArm3Continuous-v0"
STEPS = {"CartPole-v1": 1024, "Hopper-v5": 1024, "LunarLander-v3": 16_384, ARM: 7_680}
"""Steps in which every unit that is to go is gone: two rollouts."""
NEEDED = pytest.mark.skipif(
    find_spec("rl_zoo3") is None, reason="rl_zoo3 is not installed"
)


def zoo(script: str, *arguments: object) -> str:
    """Run a script of RL Zoo beside the configurations; return what it says."""
    line = [sys.executable, "-m", f"rl_zoo3.{script}", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        line, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def configuration(algo: str) -> str:
    """Return the name of an algorithm's file."""
    return next(file.name for file in FOLDER.glob(f"{algo}.*"))


def trained(algo: str, env: str, logs: Path, *more: object) -> Path:
    """Train for a few steps, and return the zip."""
    given = ["--algo", algo, "--env", env, "--conf-file", configuration(algo)]
    steps = ["-n", STEPS.get(env, 12_800), "--seed", 0, "--verbose", 0]
    zoo("train", *given, *steps, "-f", logs, "--eval-freq", -1, *more)
    name = env.replace("/", "-")
    return max((logs / algo).glob(f"{name}_*")) / f"{name}.zip"


# What holds without RL Zoo.


@pytest.mark.parametrize(("algo", "env"), SETTINGS)
def test_settings_make_an_agent_that_prunes(algo: str, env: str) -> None:
    if "Lunar" in env:
        pytest.importorskip("Box2D", reason="LunarLander needs Box2D")
    given = dict(SETTINGS[algo, env])
    policy = getattr(sp, given.pop("policy").removeprefix("sb3_prune."))
    (callback,) = given.pop("callback")
    ((path, options),) = callback.items()
    pruning = getattr(sp, path.removeprefix("sb3_prune."))(**options)
    assert isinstance(pruning, BaseCallback)
    assert given.pop("n_timesteps") >= STEPS.get(env, 0)
    given.pop("normalize", None)
    envs = make_vec_env(env, given.pop("n_envs", 1))
    for name, value in given.items():
        if str(value).startswith(("lin_", "dict(")):
            given[name] = 0.001 if "lin" in value else eval(value, {"nn": nn})
    CLASSES[algo](policy, envs, device="cpu", **given)


def test_the_module_that_rl_zoo_looks_for_registers_the_arms() -> None:
    code = "import gymnasium, custom_envs; gymnasium.spec('sb3_prune/PlanarArm2-v0')"
    subprocess.run([sys.executable, "-c", code], cwd=FOLDER, check=True)


def test_the_page_names_every_configuration() -> None:
    for algo, env in SETTINGS:
        assert f"| `{configuration(algo)}` |" in PAGE and env in PAGE


# RL Zoo itself.


@pytest.mark.slow
@NEEDED
@pytest.mark.parametrize(
    ("algo", "env"), [pair for pair in SETTINGS if pair[0] != "sac"]
)
def test_a_pruned_agent_is_trained_and_acts(
    algo: str,
    env: str,
    tmp_path: Path,
    command: Command,  # noqa: F811
) -> None:
    if "Lunar" in env:
        pytest.importorskip("Box2D", reason="LunarLander needs Box2D")
    path = trained(algo, env, tmp_path)
    units = sp.wire(CLASSES[algo].load(path, device="cpu").policy).units()
    (callback,) = SETTINGS[algo, env]["callback"]
    (options,) = callback.values()
    dense = 256 if "policy_kwargs" in SETTINGS[algo, env] else 64
    kept = round((1 - options["config"]["final_sparsity"]) * dense)
    assert set(units.values()) == {kept}
    line = ["--algo", algo, "--env", env, "-f", tmp_path, "--no-render", "-n", 600]
    assert re.search(r"Mean reward: -?\d", zoo("enjoy", *line))

    assert f"environment {env}" in str(command("evaluate", path, "--episodes", 1))
    statistics = path.with_suffix("") / "vecnormalize.pkl"
    said = statistics if SETTINGS[algo, env].get("normalize") else "none"
    line = ["--to", "numpy", "--vecnormalize", said, "--out", tmp_path / "robot"]
    assert command("export", path, *line).code == 0
    smaller = ["--final-sparsity", 0.9, "--timesteps", 0, "--out", tmp_path / "small"]
    assert command("prune", path, *smaller).code == 0


@pytest.mark.slow
@NEEDED
def test_a_stock_agent_is_pruned_while_it_goes_on(tmp_path: Path) -> None:
    """As the page says: ``-i`` with a zip that RL Zoo trained before."""
    given = ["--algo", "ppo", "--env", "CartPole-v1", "-f", tmp_path, "--eval-freq", -1]
    zoo("train", *given, "-n", 512)
    stock = tmp_path / "ppo" / "CartPole-v1_1" / "CartPole-v1.zip"
    path = trained("ppo", "CartPole-v1", tmp_path, "-i", stock)
    assert path != stock
    assert set(sp.wire(PPO.load(path).policy).units().values()) == {16}


@pytest.mark.slow
@NEEDED
@pytest.mark.skipif(find_spec("pandas") is None, reason="pandas is not installed")
def test_hyperparameters_are_optimised_under_pruning(tmp_path: Path) -> None:
    given = ["--algo", "ppo", "--env", "CartPole-v1", "--conf-file", "ppo.yml"]
    line = ["-n", 512, "-optimize", "--n-trials", 2, "--n-evaluations", 1]
    said = zoo("train", *given, *line, "--no-optim-plots", "-f", tmp_path, "--seed", 0)
    assert "Number of finished trials:  2" in said
    assert "Best trial:" in said


@pytest.mark.slow
@NEEDED
@pytest.mark.skipif(find_spec("moviepy") is None, reason="moviepy is not installed")
def test_an_arm_is_recorded(tmp_path: Path) -> None:
    trained("ppo", ARM, tmp_path)
    given = ["--algo", "ppo", "--env", ARM, "-f", tmp_path, "-n", 60]
    zoo("record_video", *given, "-o", tmp_path / "videos")
    (video,) = (tmp_path / "videos").glob("*.mp4")
    assert video.stat().st_size > 1000
