"""Tests for transplanting/memories.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zoo
from gymnasium import spaces
from stable_baselines3 import DQN, SAC, HerReplayBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import BitFlippingEnv

from sb3_prune.transplanting import plan_transplant, transplant
from transplanting import looks
from transplanting.made import Toy, env_of, trained

ORDER = (3, 0, 4)
OFF = ["DQN", "QRDQN", "BranchingDQN", "SAC", "TD3", "TQC", "CrossQ"]


@pytest.mark.parametrize("name", OFF)
def test_transitions_come_along_in_the_new_order(name: str) -> None:
    old: Any = trained(name)
    acts = (1, 0, 3, 2, None)
    if name == "BranchingDQN":
        acts = (3, None, 2, 1, 0)
    env = env_of(name, 3, 5)
    new: Any = transplant(old, env=env, observations=ORDER, actions=acts)
    ours, theirs = old.replay_buffer, new.replay_buffer
    count = ours.size()
    assert theirs.size() == count == 96 and new.num_timesteps == old.num_timesteps
    for kind in ("observations", "next_observations"):
        expected = getattr(ours, kind)[:count][..., list(ORDER)]
        assert np.array_equal(getattr(theirs, kind)[:count], expected)
    assert np.array_equal(theirs.rewards[:count], ours.rewards[:count])
    before, after = ours.actions[:count], theirs.actions[:count]
    if name in ("DQN", "QRDQN"):
        assert np.array_equal(np.array(acts[:4])[after], before)
    elif name == "BranchingDQN":
        assert np.array_equal(np.array([1, 9, 0])[after[..., 0]], before[..., 1])
        assert np.array_equal(1 - after[..., 1], before[..., 0])
    else:
        assert np.array_equal(after[..., :4], before[..., list(acts[:4])])
        assert not after[..., 4].any()
    zoo.train_on(new, 32)


@pytest.mark.parametrize(
    ("env", "given", "why"),
    [
        (env_of("DQN", 6), {"observations": (0, 1, 2, 3, 4, None)}, "new sensors"),
        (
            env_of("DQN", 5, 3),
            {"actions": (0, 1, 2)},
            r"has the actions [3], which are gone",
        ),
        (make_vec_env(lambda: env_of("DQN"), 2), {}, "another number of environments"),
    ],
)
def test_what_stays_behind(env: Any, given: Any, why: str) -> None:
    report = plan_transplant(trained("DQN"), env=env, **given)
    assert len(report.left) == 1 and why in report.left[0]
    new: Any = transplant(trained("DQN"), env=env, **given)
    assert new.num_timesteps == 0 and new.replay_buffer.size() == 0


def test_branches_of_which_no_action_is_known_leave_all_behind() -> None:
    old = trained("BranchingDQN")
    assert plan_transplant(old, env=env_of("BranchingDQN")).left == ()
    for sizes, acts, branch in (
        ([2, 2, 3], [0, 1, 2, 3, None, None, None], 2),
        ([2, 1, 1], [0, 1, 2, 3], 1),
    ):
        env = Toy(5, spaces.MultiDiscrete(sizes))
        report = plan_transplant(old, env=env, actions=acts)
        assert report.left[0].endswith(f"is known of the new branch {branch}.")


def test_on_policy_agents_have_none() -> None:
    assert plan_transplant(trained("PPO"), env=env_of("PPO")).left == ()


def test_transitions_of_dictionaries_come_along() -> None:
    old: Any = looks.trained("SAC", "keys")
    space = spaces.Dict({**looks.SPACES["keys"].spaces, "arm": looks.numbers(2)})  # type: ignore[attr-defined]
    env = looks.env_of("SAC", space)
    new: Any = transplant(old, env=env, observations={"arm": [2, 0], "eye": [1, 0]})
    ours, theirs = old.replay_buffer, new.replay_buffer
    count = ours.size()
    assert theirs.size() == count == 96
    seen, known = ours.next_observations, theirs.next_observations
    assert np.array_equal(known["arm"][:count], seen["arm"][:count][..., [2, 0]])
    assert np.array_equal(known["eye"][:count], seen["eye"][:count][:, :, [1, 0]])
    zoo.train_on(new, 32)


def test_choices_come_along_unless_one_is_gone() -> None:
    old: Any = looks.trained("DQN", "choices")
    env = looks.env_of("DQN", spaces.Discrete(5))
    order = [3, 1, 0, 2, 3]
    new: Any = transplant(old, env=env, observations=order)
    count = old.replay_buffer.size()
    moved = new.replay_buffer.observations[:count]
    assert np.array_equal(
        np.array(order)[moved], old.replay_buffer.observations[:count]
    )
    env = looks.env_of("DQN", spaces.Discrete(3))
    report = plan_transplant(old, env=env, observations=[0, 1, 2])
    assert any("choices that it observed" in said for said in report.left)


def test_branches_that_are_observed_come_along_whole() -> None:
    old: Any = looks.trained("DQN", "branches")
    env = looks.env_of("DQN", spaces.MultiDiscrete([3, 2]))
    new: Any = transplant(old, env=env, observations=[4, 3, 2, 0, 1])
    count = old.replay_buffer.size()
    ours, theirs = (m.replay_buffer.observations[:count] for m in (old, new))
    assert np.array_equal(theirs[..., 0], 2 - ours[..., 1])
    assert np.array_equal(theirs[..., 1], ours[..., 0])
    # No choice is gone, but the two new branches each lack one of the old branch's.
    env = looks.env_of("DQN", spaces.MultiDiscrete([2, 2, 2]))
    with pytest.warns(UserWarning, match="moved by"):
        report = plan_transplant(old, env=env, observations=[2, 3, 3, 4, 0, 1])
    assert any("choices that it observed" in said for said in report.left)


def goals(bits: int = 4) -> BitFlippingEnv:
    return BitFlippingEnv(n_bits=bits, continuous=True, max_steps=bits)


def hindsight(env: Any) -> SAC:
    given: dict[str, Any] = {"replay_buffer_class": HerReplayBuffer}
    given |= {"learning_starts": 20, "buffer_size": 200, "batch_size": 16}
    return SAC("MultiInputPolicy", env, policy_kwargs={"net_arch": [8]}, **given)


def test_goals_of_hindsight_come_along() -> None:
    old: Any = hindsight(goals()).learn(66)
    new: Any = transplant(old, env=goals(), net_arch=[16])
    ours, theirs = old.replay_buffer, new.replay_buffer
    assert theirs.size() == ours.size() == 66
    for key, each in ours.observations.items():
        assert np.array_equal(theirs.observations[key][:66], each[:66])
    start = int(ours._current_ep_start[0])
    assert np.array_equal(theirs.ep_length[:start], ours.ep_length[:start])
    assert (theirs.ep_length[start:66] == 66 - start).all()
    assert theirs.env is new.env
    new.learn(40, reset_num_timesteps=False)
    assert theirs.size() == 106


def test_new_goals_need_new_transitions() -> None:
    old = hindsight(goals()).learn(40)
    given = {key: [*range(4), None] for key in old.observation_space.spaces}  # type: ignore[attr-defined]
    actions = [*range(4), None]
    new: Any = transplant(old, env=goals(5), observations=given, actions=actions)
    assert new.replay_buffer.size() == 0
    new.learn(40)


def test_transitions_of_all_environments_are_counted() -> None:
    env = make_vec_env(lambda: env_of("DQN"), 2)
    old = DQN("MlpPolicy", env, buffer_size=40, learning_starts=100).learn(64)
    report = plan_transplant(old, env=env_of("DQN"))
    assert "stays behind, 40 transitions: it is for another number" in report.left[0]
