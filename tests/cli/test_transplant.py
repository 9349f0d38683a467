"""Tests for cli/transplant.py."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import DQN, PPO, SAC, HerReplayBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import BitFlippingEnv

from cli.conftest import Command

PAGE = Path(__file__).parents[2] / "docs" / "transplant.md"
Refused = Callable[..., str]
WIDER = ["--env", "Pendulum-v1", "--net-arch", "16", "16"]


def test_a_bigger_net(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "big"
    result = command("transplant", sac_zip, *WIDER, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith(f"{out}.zip is written\n")
    assert "outputs moved by at most" in result.out
    old, new = SAC.load(sac_zip), SAC.load(out)
    seen = old.observation_space.sample()[None].repeat(5, 0)
    pair = (m.predict(seen, deterministic=True)[0] for m in (old, new))
    np.testing.assert_allclose(*pair, atol=1e-5)


def test_dry_run(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    result = command("transplant", sac_zip, *WIDER, "--dry-run")
    assert result.code == 0 and "carried" in result.out
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize("file", [True, False])
def test_maps(file: bool, command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "old.zip", tmp_path / "new.zip"
    kwargs = {"net_arch": [8]}
    old = DQN("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, buffer_size=10, seed=0)
    old.save(path)
    line: list[object] = ["--env", "Acrobot-v1", "--rule", "copy", "--of", "1"]
    if file:
        maps = {"observations": [0, 1, None, None, 2, 3], "actions": [1, 0, None]}
        (tmp_path / "map.json").write_text(json.dumps(maps))
        line += ["--map", tmp_path / "map.json"]
    else:
        line += ["--observations", *["0", "1", "new", "new", "2", "3"]]
        line += ["--actions", "1", "0", "new"]
    result = command("transplant", path, *line, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert "outputs of new actions: copy" in result.out
    new = DQN.load(out)
    weights = [m.q_net.q_net[0].weight for m in (old, new)]
    assert (weights[0] == weights[1][:, [0, 1, 4, 5]]).all()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ([*WIDER], "one of --out, the zip to write, --dry-run and --show-ids"),
        ([*WIDER, "--dry-run", "--show-ids"], "one of --out, the zip to write"),
        ([*WIDER, "--dry-run", "--observations", "0", "x", "1"], "observation 'x'"),
        ([*WIDER, "--dry-run", "--map", "nowhere.json"], "cannot be read"),
        (["--dry-run", "--env", "CartPole-v1"], "are Box, those of the new env"),
        (
            ["--dry-run", "--env", "MountainCarContinuous-v0"],
            "has 3 observations, the new one 2",
        ),
        (["--dry-run"], "--env is missing"),
    ],
)
def test_what_is_refused(
    line: list[str], why: str, refused: Refused, sac_zip: Path
) -> None:
    assert why in refused("transplant", sac_zip, *line)


def test_names(command: Command, refused: Refused, tmp_path: Path) -> None:
    path, out = tmp_path / "old.zip", tmp_path / "new.zip"
    small = {"net_arch": [8]}
    old = PPO("MlpPolicy", make_arm_vec(1, n_joints=2), policy_kwargs=small)
    old.save(path)
    line = [path, "--env", "sb3_prune/PlanarArm3-v0"]
    line += ["--old-env", "sb3_prune/PlanarArm2-v0"]
    shown = command("transplant", *line, "--show-ids")
    assert (shown.code, shown.err) == (0, "")
    table = re.search(r"--show-ids\n(observations.*?)\.\.\.", PAGE.read_text(), re.S)
    assert table is not None and shown.out.startswith(table[1])
    hint = "for example sin3=new cos3=new"
    assert hint in refused("transplant", *line, "--dry-run")
    line += ["--observations", "sin3=new", "cos3=new", "--rule", "copy"]
    line += ["--of", "joint2_minus", "--actions"]
    line += [f"joint3_{turn}=new" for turn in ("plus", "minus", "rest")]
    result = command("transplant", *line, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert "new observations: sin3, cos3\nnew actions: joint3_plus, " in result.out
    new = PPO.load(out)
    ours, theirs = (m.policy.mlp_extractor.policy_net[0].weight for m in (old, new))
    assert torch.equal(theirs[:, [0, 1, 2, 3, 6, 7]], ours)
    assert not theirs[:, [4, 5]].any()
    assert (new.policy.action_net.bias[6:] == old.policy.action_net.bias[4]).all()


def test_ids_need_no_more_than_an_environment(
    command: Command, sac_zip: Path, tmp_path: Path
) -> None:
    before = list(tmp_path.iterdir())
    result = command("transplant", sac_zip, "--env", "CartPole-v1", "--show-ids")
    assert (result.code, result.err) == (0, "")
    assert "\n2             2    angle\n" in result.out
    assert "--old-env" in result.out
    assert list(tmp_path.iterdir()) == before


# Statistics and replay buffers.


def scaled_by(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)


def test_statistics_of_rl_zoo(
    command: Command, refused: Refused, zoo_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new.zip"
    line = ["--env", "Acrobot-v1", "--actions", "minus=left", "plus=right", "rest=new"]
    line += ["--observations", "cos1=angle", "sin1=new", "cos2=new", "sin2=new"]
    line += ["spin1=spin", "spin2=velocity"]
    result = command("transplant", zoo_zip, *line, "--out", out)
    assert result.code == 0
    assert result.err.endswith("observations normalised by vecnormalize.pkl\n")
    assert result.out.endswith(f"{out} and vecnormalize.pkl are written\n")
    old = scaled_by(zoo_zip.with_suffix("") / "vecnormalize.pkl")
    new = scaled_by(tmp_path / "vecnormalize.pkl")
    places, sources = [0, 4, 5], [2, 3, 1]
    assert np.array_equal(new.obs_rms.mean[places], old.obs_rms.mean[sources])
    assert not new.obs_rms.mean[[1, 2, 3]].any()
    assert new.training and new.norm_reward == old.norm_reward
    played = command("evaluate", out, "--env", "Acrobot-v1", "--episodes", "1")
    assert played.code == 0 and "normalised by vecnormalize.pkl" in played.err
    again = ["transplant", zoo_zip, *line, "--out", tmp_path / "more.zip"]
    assert "vecnormalize.pkl' exists: choose another" in refused(*again)
    assert command(*again, "--overwrite").code == 0


@pytest.mark.slow
def test_a_bigger_net_on_statistics_plays_as_before(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "big.zip"
    line = ["transplant", zoo_zip, "--net-arch", "32", "32", "--out", out]
    assert command(*line).code == 0
    play = ["--episodes", "3", "--json"]
    results = [
        command("evaluate", zoo_zip, *play),
        command("evaluate", out, "--env", "CartPole-v1", *play),
    ]
    found = [json.loads(result.out)["mean_return"] for result in results]
    assert found[0] == found[1]


def test_the_old_agent_keeps_its_statistics(refused: Refused, zoo_zip: Path) -> None:
    out = zoo_zip.with_suffix("") / "new.zip"
    line = ["transplant", zoo_zip, "--net-arch", "32", "32", "--out", out]
    assert "is that of the old agent" in refused(*line, "--overwrite")


def test_statistics_that_are_named(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    path = shutil.copy(zoo_zip, tmp_path / "agent.zip")
    statistics = shutil.copy(
        zoo_zip.with_suffix("") / "vecnormalize.pkl", tmp_path / "other.pkl"
    )
    line = ["transplant", path, "--env", "CartPole-v1", "--vecnormalize", statistics]
    result = command(*line, "--out", tmp_path / "new.zip")
    assert (result.code, result.err) == (0, "")
    old, new = (scaled_by(tmp_path / n) for n in ("other.pkl", "vecnormalize.pkl"))
    assert np.array_equal(new.obs_rms.mean, old.obs_rms.mean)
    assert new.obs_rms.count == old.obs_rms.count


@pytest.mark.parametrize("carried", [True, False])
def test_a_replay_buffer(carried: bool, command: Command, tmp_path: Path) -> None:
    env = make_vec_env("CartPole-v1", 2)
    old: Any = DQN("MlpPolicy", env, learning_starts=20, buffer_size=100, seed=0)
    old.learn(40).save(tmp_path / "old.zip")
    old.save_replay_buffer(tmp_path / "buffer.pkl")
    (tmp_path / "new").mkdir()
    out = tmp_path / "new" / "new.zip"
    line = ["transplant", tmp_path / "old.zip", "--env", "CartPole-v1", "--out", out]
    line += ["--replay-buffer", tmp_path / "buffer.pkl"]
    line += ["--observations", *["0", "3", "2", "1" if carried else "new"]]
    result = command(*line)
    assert result.code == 0 and "on recent observations" in result.out
    new: Any = DQN.load(out, make_vec_env("CartPole-v1", 2))
    if not carried:
        assert "stays behind, 40 transitions: nobody knows what new" in result.out
        assert [path.name for path in out.parent.iterdir()] == ["new.zip"]
        return
    assert result.out.endswith(f"{out} and replay_buffer.pkl are written\n")
    new.load_replay_buffer(out.with_name("replay_buffer.pkl"))
    ours, theirs = (m.replay_buffer.observations[:20] for m in (old, new))
    assert np.array_equal(theirs, ours[..., [0, 3, 2, 1]])
    assert new.num_timesteps == old.num_timesteps
    new.learn(10, reset_num_timesteps=False)


@pytest.mark.slow
def test_hindsight_replay(command: Command, tmp_path: Path) -> None:
    for n in (3, 4):
        gym.register(f"Bits{n}-v0", partial(BitFlippingEnv, n, render_mode="rgb_array"))
    her: Any = HerReplayBuffer
    given: Any = {"replay_buffer_class": her, "buffer_size": 100, "learning_starts": 9}
    old: Any = DQN("MultiInputPolicy", "Bits3-v0", **given, seed=0)
    old.learn(40).save(tmp_path / "old.zip")
    old.save_replay_buffer(tmp_path / "buffer.pkl")
    seen = {key: [2, 1, 0, None] for key in old.observation_space}
    maps = {"observations": seen, "actions": [0, 1, 2, None]}
    (tmp_path / "map.json").write_text(json.dumps(maps))
    out = tmp_path / "new.zip"
    line = ["--env", "Bits4-v0", "--map", tmp_path / "map.json", "--out", out]
    line += ["--replay-buffer", tmp_path / "buffer.pkl"]
    result = command("transplant", tmp_path / "old.zip", *line)
    assert result.code == 0 and "carried" in result.out
    new = DQN.load(out, env=gym.make("Bits4-v0"))
    weights = [m.q_net.q_net[-1].weight for m in (old, new)]  # type: ignore[index]
    assert torch.equal(weights[0][[0, 1, 2]], weights[1][[0, 1, 2]])
    result = command("compact", out, "--out", tmp_path / "plain.zip", "--verify")
    assert "its actions are equal" in result.out


def test_bad_buffers(refused: Refused, sac_zip: Path, tmp_path: Path) -> None:
    path = tmp_path / "buffer.pkl"
    line = ["transplant", sac_zip, *WIDER, "--dry-run", "--replay-buffer", path]
    assert "does not exist: it should have a replay buffer" in refused(*line)
    path.write_bytes(pickle.dumps([1]))
    assert "has no ReplayBuffer but list" in refused(*line)


def test_means_of_removed_observations(command: Command, tmp_path: Path) -> None:
    path, line = tmp_path / "old.zip", ["--env", "MountainCar-v0", "--dry-run"]
    kwargs = {"net_arch": [8]}
    old = DQN("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, buffer_size=10, seed=0)
    old.save(path)
    maps = ["--observations", "3", "3", "--actions", "0", "1", "new"]
    rules = ["--removed", "mean", "--repeated", "share", "--play", "30"]
    said = [command("transplant", path, *line, *maps, *given) for given in ((), rules)]
    assert [each.code for each in said] == [0, 0]
    assert "count" in said[0].out and "several times" in said[0].out
    assert "on random steps in the new environment" in said[1].out
    assert "several times" not in said[1].out
