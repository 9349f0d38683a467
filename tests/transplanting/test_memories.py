"""Tests for transplanting/memories.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zoo
from stable_baselines3.common.env_util import make_vec_env

from sb3_prune.transplanting import plan_transplant, transplant
from transplanting.made import env_of, trained

ORDER = (3, 0, 4)
OFF = ["DQN", "QRDQN", "SAC", "TD3", "TQC", "CrossQ"]


@pytest.mark.parametrize("name", OFF)
def test_transitions_come_along_in_the_new_order(name: str) -> None:
    old: Any = trained(name)
    acts = (1, 0, 3, 2, None)
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


def test_on_policy_agents_have_none() -> None:
    assert plan_transplant(trained("PPO"), env=env_of("PPO")).left == ()
