"""Tests for cli/places.py: agents play where they were trained."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize

from cli import rl_zoo
from cli.conftest import OFF, TINY, Command
from cli.rl_zoo import ENV, TIME, cart_poles, save_zoo
from sb3_prune.cli.options import PlayOptions
from sb3_prune.cli.places import find_surroundings, new_maker_for, old_maker_for
from sb3_prune.cli.surroundings import NOTHING
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.folder import RunFolder
from sb3_prune.seeds import TEST_SEED

Refused = Callable[..., str]
pytestmark = pytest.mark.usefixtures("no_figures")
EPISODES = 4
EVALUATE = ["--episodes", EPISODES, "--json"]
PRUNE = ["--no-verify", "--eval-episodes", "2", "--final-sparsity", "0.5"]
PRUNE += ["--algo-kwargs", "n_steps=64", "batch_size=32"]


def expected(path: Path, statistics: Path) -> tuple[float, float]:
    """Return what SB3 itself measures, with frozen statistics."""
    env = VecNormalize.load(str(statistics), cart_poles(seed=TEST_SEED))
    env.training = env.norm_reward = False
    mean, std = evaluate_policy(PPO.load(path), env, EPISODES)
    assert isinstance(mean, float)
    assert isinstance(std, float)
    return mean, std


def means(result: Any) -> tuple[float, float]:
    assert result.code == 0, result.err
    found = json.loads(result.out)
    return found["mean_return"], found["std_return"]


def count(path: Path) -> float:
    """Return the number of observations that statistics have seen."""
    env = VecNormalize.load(str(path), cart_poles())
    assert not isinstance(env.obs_rms, dict)
    return float(env.obs_rms.count)


RAW_STATISTICS = ("--vecnormalize", "none")


def statistics_of(zip_path: Path) -> Path:
    return zip_path.with_suffix("") / "vecnormalize.pkl"


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"{ENV}.zip", "best_model.zip"])
@pytest.mark.parametrize("env", [[], ["--env", ENV]])
def test_an_agent_of_rl_zoo_scores_as_in_sb3(
    name: str, env: list[str], command: Command, zoo_zip: Path
) -> None:
    path = zoo_zip.with_name(name)
    if not path.exists():
        shutil.copy(zoo_zip, path)
    result = command("evaluate", path, *env, *EVALUATE)
    assert means(result) == expected(path, statistics_of(zoo_zip))
    where = zoo_zip.with_suffix("")
    named = "" if env else f"environment {ENV}, "
    assert result.err == (
        f"sb3-prune: from {where}: {named}observations normalised by vecnormalize.pkl\n"
    )


@pytest.mark.filterwarnings("always:.* maybe of a VecNormalize")
def test_statistics_of_a_checkpoint_lie_beside_it(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    """As ``CheckpointCallback(save_vecnormalize=True)`` of SB3 names its files."""
    path = shutil.copy(zoo_zip, tmp_path / "my.run_96_steps.zip")
    other = shutil.copy(zoo_zip, tmp_path / "my.run_64_steps.zip")
    own = tmp_path / "my.run_vecnormalize_96_steps.pkl"
    shutil.copy(statistics_of(zoo_zip), own)
    result = command("evaluate", path, "--env", ENV, *EVALUATE)
    assert means(result) == expected(path, own)
    assert f"observations normalised by {own.name}" in result.err
    for lost in (other, shutil.copy(path, tmp_path / "best_model.zip")):
        assert find_surroundings(Path(lost)).statistics is None
        result = command("evaluate", lost, "--env", ENV, *EVALUATE)
        assert f"has {own.name}, maybe of a VecNormalize" in result.err
        result = command("evaluate", lost, "--env", ENV, *EVALUATE, *RAW_STATISTICS)
        assert "maybe" not in result.err
    shutil.copy(own, tmp_path / "vecnormalize.pkl")
    assert find_surroundings(Path(path)).statistics == own
    assert find_surroundings(Path(other)).statistics == tmp_path / "vecnormalize.pkl"


def test_a_checkpoint_of_rl_zoo_has_its_own_statistics(
    zoo_zip: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(zoo_zip.parent, tmp_path / "run")
    path = Path(shutil.copy(zoo_zip, folder / "rl_model_96_steps.zip"))
    known = find_surroundings(path)
    assert known.statistics == folder / ENV / "vecnormalize.pkl"
    own = folder / "rl_model_vecnormalize_96_steps.pkl"
    shutil.copy(known.statistics, own)
    found = find_surroundings(path)
    assert found.statistics == own and found.env == known.env == ENV


@pytest.mark.slow
def test_statistics_that_are_named(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    path = shutil.copy(zoo_zip, tmp_path / "agent.zip")
    raw = means(command("evaluate", path, "--env", ENV, *EVALUATE))
    more = ["--vecnormalize", statistics_of(zoo_zip)]
    result = command("evaluate", path, "--env", ENV, *more, *EVALUATE)
    assert means(result) == expected(path, statistics_of(zoo_zip))
    assert means(result)[0] > 4 * raw[0]
    assert result.err == ""


def test_named_statistics_replace_those_beside_the_zip(
    command: Command, refused: Callable[..., str], zoo_zip: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pkl"
    found = VecNormalize(cart_poles())
    found.save(str(other))
    line = ("evaluate", zoo_zip, "--vecnormalize", other, *EVALUATE)
    assert "statistics that have seen none" in refused(*line)
    found.obs_rms.count = 1
    found.save(str(other))
    result = command(*line)
    assert means(result) == expected(zoo_zip, other)
    assert "normalised" not in result.err


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 256])
def test_a_pruned_agent_keeps_its_statistics(
    steps: int, command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    line = [zoo_zip, "--timesteps", steps, "--out", out, *PRUNE]
    assert command("prune", *line).code == 0
    kept, learnt = out / "vecnormalize.pkl", statistics_of(zoo_zip)
    first = 2  # Observations of the first reset: the agent had two environments.
    assert count(kept) - count(learnt) == (steps and steps + first)
    config = json.loads((out / "config.json").read_text())
    assert config["env"] == {"id": ENV, "kwargs": {}, "normalised": True}
    for name in ("model.zip", "plain.zip"):
        result = command("evaluate", out / name, *EVALUATE)
        assert means(result) == expected(out / name, kept)
        assert f"from {out}: environment {ENV}, observations normal" in result.err
    after = json.loads((out / "summary.json").read_text())["test"]["after"]
    again = ["--episodes", 2, "--json"]
    assert (
        means(command("evaluate", out / "model.zip", *again))[0]
        == (after["mean_return"])
    )


@pytest.mark.slow
def test_a_run_over_an_older_one_loses_its_statistics(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    plain, out = tmp_path / "plain.zip", tmp_path / "run"
    PPO("MlpPolicy", ENV, n_steps=64, policy_kwargs={"net_arch": [8]}).save(plain)
    line = ["--timesteps", 0, "--env", ENV, "--out", out, *PRUNE, "--overwrite"]
    assert command("prune", zoo_zip, *line).code == 0
    assert (out / "vecnormalize.pkl").exists()
    assert command("prune", plain, *line).code == 0
    assert not (out / "vecnormalize.pkl").exists()


@pytest.mark.slow
def test_analyses_see_normalised_observations(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    more = ["--episodes", EPISODES, "--analysis", "dormancy", "--out", tmp_path / "a"]
    result = command("analyze", zoo_zip, *more, "--json")
    found = json.loads(result.out)
    assert found["env"]["normalised"]
    mean, _ = expected(zoo_zip, statistics_of(zoo_zip))
    assert found["agents"]["agent"]["mean reward per episode"] == mean
    assert "observations normalised by" in result.err


def test_wrappers_and_frames(command: Command, tmp_path: Path) -> None:
    model = rl_zoo.wrapped()
    changes = {"env_wrapper": [{TIME: {"max_steps": 1000}}], "frame_stack": 4}
    path = save_zoo(tmp_path, model, **changes)
    result = command("evaluate", path, *EVALUATE)
    poles = cart_poles(seed=TEST_SEED, time=True)
    env = VecNormalize.load(str(statistics_of(path)), poles)
    env.training = env.norm_reward = False
    assert means(result) == evaluate_policy(model, VecFrameStack(env, 4), EPISODES)
    assert f"wrapper {TIME}, observations normalised" in result.err
    assert "4 stacked frames\n" in result.err
    out = tmp_path / "run"
    line = [path, "--timesteps", 64, "--out", out, *PRUNE, "--eval-episodes", 0]
    assert command("prune", *line).code == 0
    config = json.loads((out / "config.json").read_text())
    assert config["env"]["wrappers"] == [{TIME: {"max_steps": 1000}}]
    result = command("evaluate", out / "model.zip", *EVALUATE)
    assert result.code == 0
    assert f"wrapper {TIME}, observations normalised" in result.err


@pytest.mark.slow
def test_arguments_of_the_environment(command: Command, tmp_path: Path) -> None:
    model = PPO("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [4]}, seed=0)
    path = save_zoo(tmp_path, model, "Pendulum-v1", env_kwargs={"g": 0.1})
    light = command("evaluate", path, *EVALUATE)
    assert "environment Pendulum-v1, g=0.1\n" in light.err
    same = command("evaluate", path, "--env", "Pendulum-v1", *EVALUATE)
    assert means(same) == means(light)
    heavy = command("evaluate", path, "--env-kwargs", "g=20", *EVALUATE)
    assert means(heavy)[0] < means(light)[0] - 100
    assert "g=" not in heavy.err


@pytest.mark.slow
def test_a_run_knows_its_environment(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = ["--algo", "sac", "--env", "cli.picky:Pendulum-v1", *TINY, "--no-verify"]
    line += ["--env-kwargs", "g=0.1", "--out", str(out), "--algo-kwargs", *OFF]
    assert command("train", *line).code == 0
    config = json.loads((out / "config.json").read_text())
    assert config["env"]["modules"] == ["cli.picky"]
    result = command("evaluate", out / "model.zip", *EVALUATE)
    assert (result.code, result.err) == (
        0,
        f"sb3-prune: from {out}: environment Pendulum-v1, g=0.1\n",
    )
    assert not (out / "vecnormalize.pkl").exists()


def test_the_plain_zip_of_an_arm_has_other_actions(
    command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    line = ["--algo", "branching-dqn", "--env", "sb3_prune/PlanarArm2-v0", *TINY]
    line += ["--no-verify", "--out", str(out), "--algo-kwargs", *OFF]
    assert command("train", *line).code == 0
    for name in ("model.zip", "plain.zip"):
        assert command("evaluate", out / name, *EVALUATE).code == 0


def test_a_module_that_rl_zoo_imported(refused: Refused, tmp_path: Path) -> None:
    model = PPO("MlpPolicy", ENV, policy_kwargs={"net_arch": [4]})
    path = save_zoo(tmp_path, model)
    arguments = {"env": ENV, "gym_packages": ["nowhere"]}
    rl_zoo.write_yaml(path.with_suffix("") / "args.yml", arguments)
    assert "No module named 'nowhere'" in refused("evaluate", path)


def test_missing_statistics_of_rl_zoo(
    refused: Refused, zoo_zip: Path, tmp_path: Path
) -> None:
    shutil.copytree(zoo_zip.parent, tmp_path / "copy")
    path = tmp_path / "copy" / zoo_zip.name
    statistics_of(path).unlink()
    for more in (["evaluate", path], ["prune", path, "--out", tmp_path / "run"]):
        assert "vecnormalize.pkl' does not exist: it should have" in refused(*more)


@pytest.mark.slow
def test_missing_statistics_of_a_run(
    command: Command, refused: Callable[..., str], zoo_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert command("prune", zoo_zip, "--timesteps", 0, "--out", out, *PRUNE).code == 0
    (out / "vecnormalize.pkl").unlink()
    assert "does not exist: it should have" in refused("evaluate", out / "model.zip")


def test_bad_statistics(refused: Refused, zoo_zip: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.pkl"
    other = VecNormalize(cart_poles(time=True))
    other.obs_rms.count = 1  # type: ignore[union-attr]
    other.save(str(path))
    line = ["evaluate", zoo_zip, "--vecnormalize"]
    assert "has statistics of another environment" in refused(*line, path)
    assert "nothing.pkl' does not exist" in refused(*line, tmp_path / "nothing.pkl")


def test_an_unknown_wrapper_is_named(refused: Refused, tmp_path: Path) -> None:
    model = PPO("MlpPolicy", ENV, policy_kwargs={"net_arch": [4]})
    path = save_zoo(tmp_path, model, env_wrapper="nowhere.Wrapper")
    assert "'nowhere.Wrapper', which cannot be imported" in refused("evaluate", path)


def test_a_compacted_zip_elsewhere(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    result = command("compact", zoo_zip, "--out", tmp_path / "plain.zip")
    assert f"the VecNormalize of {statistics_of(zoo_zip)}\n" in result.out


def test_statistics_of_another_agent_are_declined(
    command: Command, tmp_path: Path
) -> None:
    model = PPO("MlpPolicy", ENV, seed=0, policy_kwargs={"net_arch": [4]})
    model.save(tmp_path / "agent.zip")
    line = ["evaluate", tmp_path / "agent.zip", "--env", ENV, "--episodes", "4"]
    alone = command(*line).out.splitlines()[0]
    other = VecNormalize(cart_poles())
    other.obs_rms.mean = other.obs_rms.mean + 5.0
    other.save(str(tmp_path / "vecnormalize.pkl"))
    taken, raw = command(*line), command(*line, "--vecnormalize", "none")
    assert "normalised by vecnormalize.pkl" in taken.err
    assert taken.out.splitlines()[0] != alone
    assert (raw.code, raw.err, raw.out.splitlines()[0]) == (0, "", alone)


@pytest.mark.parametrize("place", ["beside", "elsewhere"])
def test_the_best_agent_of_a_folder_is_compacted_with_a_word(
    command: Command, zoo_zip: Path, tmp_path: Path, place: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(zoo_zip.parent, run)
    best = shutil.copy(zoo_zip, run / "best_model.zip")
    out = (run if place == "beside" else tmp_path) / "plain.zip"
    result = command("compact", best, "--out", out)
    assert f"the VecNormalize of {statistics_of(run / zoo_zip.name)}\n" in result.out
    # A checkpoint's name says to which folder it belongs.
    result = command("compact", best, "--out", run / "rl_model_8_steps.zip")
    assert "VecNormalize" not in result.out


def test_a_folder_that_says_nothing(tmp_path: Path) -> None:
    for content in ("{}", "[", '{"command": ["other"], "env": {"id": "X"}}'):
        (tmp_path / "config.json").write_text(content)
        found = find_surroundings(tmp_path / "agent.zip")
        assert (found.env, found.to_dict()) == (None, NOTHING.to_dict())


def test_infinite_arguments_of_an_environment_are_read_back(tmp_path: Path) -> None:
    env = {"id": "X-v0", "kwargs": {"far": math.inf, "near": [0.5, -math.inf]}}
    config = {"command": ["sb3-prune", "train"], "env": env}
    RunFolder(tmp_path).write_json("config.json", config)
    found = find_surroundings(tmp_path / "model.zip")
    assert found.env_kwargs == {"far": math.inf, "near": (0.5, -math.inf)}


def test_statistics_beside_any_zip(tmp_path: Path) -> None:
    VecNormalize(cart_poles()).save(str(tmp_path / "vecnormalize.pkl"))
    found = find_surroundings(tmp_path / "agent.zip")
    assert found.statistics == tmp_path / "vecnormalize.pkl"
    assert find_surroundings(tmp_path / "a.zip", tmp_path / "b").statistics == (
        tmp_path / "b"
    )


def test_environments_to_carry_an_agent_into(zoo_zip: Path) -> None:
    saved = read_zip(zoo_zip)
    env: Any = new_maker_for(saved, PlayOptions(env="Acrobot-v1")).make(1)
    assert isinstance(env, VecNormalize) and not env.obs_rms.mean.any()
    assert env.observation_space.shape == (6,)
    same: Any = new_maker_for(saved, PlayOptions()).make(1)
    assert same.observation_space.shape == (4,) and not same.obs_rms.mean.any()


def test_wrappers_of_the_folder_stay(tmp_path: Path) -> None:
    model = rl_zoo.wrapped()
    path = save_zoo(tmp_path, model, env_wrapper=TIME, frame_stack=4)
    saved = read_zip(path)
    new: Any = new_maker_for(saved, PlayOptions(env="Acrobot-v1")).make(1)
    assert new.observation_space.shape == ((6 + 1) * 4,)
    old: Any = old_maker_for(saved, None)
    assert old.make(1).observation_space.shape == ((4 + 1) * 4,)


def test_the_environment_of_the_old_agent(zoo_zip: Path, tmp_path: Path) -> None:
    saved = read_zip(zoo_zip)
    for given in (None, ENV):
        found: Any = old_maker_for(saved, given)
        assert found.spec.id == ENV and not isinstance(found.make(1), VecNormalize)
    alone = read_zip(shutil.copy(zoo_zip, tmp_path / "agent.zip"))
    assert old_maker_for(alone, None) is None
    with pytest.raises(ConfigError, match="--env is missing"):
        new_maker_for(alone, PlayOptions())
