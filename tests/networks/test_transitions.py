"""Tests for networks/transitions.py."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_prune.exceptions import CheckpointError
from sb3_prune.networks.transitions import Transitions

CPU = torch.device("cpu")


class Clock(gym.Env):  # type: ignore[type-arg]
    """Observe the episode and the step; episodes end or are cut, in turns."""

    observation_space = spaces.Box(-1, np.inf, (2,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, length: int = 5) -> None:
        self.length = length
        self.episode, self.time = -1, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.episode, self.time = self.episode + 1, 0
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        return np.array([self.episode, self.time], np.float32)

    def step(self, action: Any) -> Any:
        self.time += 1
        ends, natural = self.time >= self.length, self.episode % 2 == 0
        return self._observe(), 0.0, ends and natural, ends and not natural, {}


def pairs(memory: Transitions) -> np.ndarray:
    """Return all pairs, each once: (count, 2, size)."""
    before, _, after = memory.sample(5000, CPU)
    return np.unique(torch.stack([before, after], dim=1).numpy(), axis=0)


class Remember(BaseCallback):
    """Keep every rollout."""

    memory = Transitions(10_000)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.memory.add_rollout(self.model)


def play(*lengths: int) -> Transitions:
    """Return what is kept of three rollouts of 16 steps in each environment."""
    env = DummyVecEnv([lambda n=n: Clock(n) for n in lengths])
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16, n_epochs=1, device="cpu")
    callback = Remember()
    callback.memory = Transitions(10_000)
    zoo.train(model, 96, callback=callback)
    return callback.memory


@pytest.mark.parametrize("lengths", [(5, 7), (1, 4), (100, 100)])
def test_no_transition_leads_over_the_end_of_an_episode(
    lengths: tuple[int, ...],
) -> None:
    memory = play(*lengths)
    found = pairs(memory)
    steps = found[:, 1] - found[:, 0]
    assert bool((steps == [0, 1]).all())
    # Three rollouts of 16 steps; the last step of an episode is left out.
    assert len(memory) == sum(48 - 48 // n for n in lengths)


def test_there_is_nothing_to_keep_of_episodes_of_one_step() -> None:
    memory = play(1, 1)
    assert len(memory) == 0 and memory.steps == 96
    memory.add(*numbered(0, 2))
    assert len(memory) == 2


def numbered(start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    before = np.arange(start, start + count, dtype=np.float32)[:, None]
    return before, before + 0.5


@pytest.mark.parametrize("sizes", [(3, 4, 5, 6), (1,) * 18, (18,), (7, 11), (30, 2)])
def test_the_oldest_go_first(sizes: tuple[int, ...]) -> None:
    memory, total = Transitions(8), 0
    for size in sizes:
        memory.add(*numbered(total, size))
        total += size
        assert len(memory) == min(8, total)
        found = pairs(memory)
        assert found[:, 0, 0].tolist() == list(range(max(0, total - 8), total))
        assert bool((found[:, 1] == found[:, 0] + 0.5).all())


@pytest.mark.parametrize("held", [0, 3, 8, 11, 16])
@pytest.mark.parametrize("capacity", [2, 7, 8, 9, 30])
def test_another_capacity_keeps_the_newest(held: int, capacity: int) -> None:
    memory = Transitions(8)
    memory.add(*numbered(0, held))
    memory.resize(capacity)
    kept = min(held, 8, capacity)
    assert len(memory) == kept and memory.capacity == capacity
    memory.add(*numbered(held, 1))
    oldest = max(held - kept, held + 1 - capacity)
    assert pairs(memory)[:, 0, 0].tolist() == list(range(oldest, held + 1))


@pytest.mark.parametrize("held", [0, 3, 8, 11])
def test_a_saved_memory_goes_on_alike(held: int) -> None:
    memory, again = Transitions(8), Transitions()
    memory.steps = 5
    memory.add(*numbered(0, held))
    again.load_state_dict(memory.state_dict())
    for one in (memory, again):
        one.add(*numbered(held, 2))
    found, expected = again.state_dict(), memory.state_dict()
    assert np.array_equal(found.pop("raw_pairs"), expected.pop("raw_pairs"))
    assert found == expected and found["steps"] == 5


def test_nothing_new_changes_nothing() -> None:
    memory = Transitions(8)
    memory.add(np.zeros((0, 1)), np.zeros((0, 1)))
    assert len(memory) == 0
    memory.add(*numbered(0, 2))
    memory.add(np.zeros((0, 1)), np.zeros((0, 1)))
    assert pairs(memory)[:, 0, 0].tolist() == [0, 1]


def test_short_rollouts_are_not_copied_again_and_again() -> None:
    memory = Transitions(1_000_000)
    copies = 0
    for k in range(3000):
        held = memory._pairs
        memory.add(*numbered(k, 1))
        copies += held is not memory._pairs
    assert copies < 15 and len(memory) == 3000


def test_a_draw_is_of_single_precision_without_actions() -> None:
    memory = Transitions(8)
    memory.add(np.ones((2, 3)), np.zeros((2, 3)))
    before, actions, after = memory.sample(5, CPU)
    assert actions is None and before.dtype == after.dtype == torch.float32
    assert before.shape == after.shape == (5, 3)
    assert bool((before == 1).all()) and not after.any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"next": 8},
        {"next": -1},
        {"next": "1"},
        {"steps": -1},
        {"steps": 1.5},
        {"capacity": 2},
        {"capacity": 0},
        {"raw_pairs": np.zeros((3, 4), np.float32)},
        {"raw_pairs": np.zeros((3, 2, 2))},
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(wrong: dict[str, Any]) -> None:
    memory = Transitions(8)
    memory.add(*numbered(0, 3))
    before = memory.state_dict()
    with pytest.raises(CheckpointError):
        memory.load_state_dict({**before, **wrong})
    after = memory.state_dict()
    assert np.array_equal(after.pop("raw_pairs"), before.pop("raw_pairs"))
    assert after == before


def test_a_draw_is_normalised_as_of_now() -> None:
    env = VecNormalize(DummyVecEnv([Clock]))
    memory = Transitions(8)
    memory.add(*(np.repeat(each, 2, axis=1) for each in numbered(3, 1)))
    assert isinstance(env.obs_rms, RunningMeanStd)
    for mean, expected in ((3.0, 0.0), (2.0, 1.0)):
        env.obs_rms.mean, env.obs_rms.var = np.full(2, mean), np.ones(2)
        before, _, after = memory.sample(4, CPU, env)
        assert before.dtype == after.dtype == torch.float32
        assert before.numpy() == pytest.approx(np.full((4, 2), expected), abs=1e-4)
        assert after.numpy() == pytest.approx(np.full((4, 2), expected + 0.5), abs=1e-4)
