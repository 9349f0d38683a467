"""Windows of tiny agents, and screeners, for the tests."""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium as gym
import zoo
from gymnasium import spaces
from stable_baselines3 import A2C
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from sb3_prune.screening import Screener, Window
from sb3_prune.screening.collecting import Collector

STEPS = 40
"""Steps of the windows."""


class Largest(Screener):
    """The largest activation: needs no plug-in."""

    name = "largest"

    def measure(self, window: Window) -> float:
        return max(float(rows.abs().max()) for rows in window.activations().values())


class Watching(BaseCallback):
    """Collects a window and stops; keeps what SB3 showed at every step."""

    def __init__(self, steps: int = STEPS) -> None:
        super().__init__()
        self.wanted = steps
        self.window: Window
        self.seen: list[dict[str, Any]] = []

    def _on_training_start(self) -> None:
        self._collector = Collector(self.model)

    def _on_step(self) -> bool:
        self._collector.add(self.locals)
        names = ("rewards", "dones", "new_obs", "actions", "values")
        self.seen.append({n: self.locals[n] for n in names if n in self.locals})
        self.window = self._collector.window()
        return self._collector.steps < self.wanted


def window_of(model: BaseAlgorithm, steps: int = STEPS) -> Window:
    """Let a model take the first steps of a training."""
    watching = Watching(steps)
    zoo.train(model, 2 * steps, callback=watching)
    return watching.window


@cache
def window(name: str, activation: type[nn.Module] = nn.ReLU) -> Window:
    """Return the window of a tiny model, for tests that do not change it."""
    kwargs = {} if name == "CrossQ" else {"activation_fn": activation}
    return window_of(zoo.make_model(name, stock=True, policy_kwargs=kwargs))


class Counting(gym.Env):  # type: ignore[type-arg]
    """Rewards 1, 2, 3, ... in episodes of four steps, which a time limit cuts off."""

    observation_space = spaces.Box(0, 9, (1,))
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.count = 0
        return self._observe(), {}

    def _observe(self) -> Any:
        return self.observation_space.low + self.count

    def step(self, action: Any) -> Any:
        self.count += 1
        return self._observe(), float(self.count), False, self.count == 4, {}


def make_a2c(seed: int = 0, **kwargs: Any) -> A2C:
    """Return a tiny A2C on CartPole; a function that workers can import."""
    arch = {"net_arch": [8, 6]}
    return A2C("MlpPolicy", "CartPole-v1", seed=seed, policy_kwargs=arch, **kwargs)
