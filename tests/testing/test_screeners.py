"""check_screener accepts what keeps the contract and names what breaks it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from screening.made import Largest

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins import screeners
from sb3_prune.screening import Window
from sb3_prune.testing import check_screener


class Changes(Largest):
    """Changes the model."""

    def measure(self, window: Window) -> float:
        with torch.no_grad():
            next(window.model.policy.parameters()).add_(1e-6)
        return 1.0


class Hooks(Largest):
    """Leaves a hook."""

    def measure(self, window: Window) -> float:
        window.model.policy.register_forward_hook(lambda *_: None)
        return 1.0


class Draws(Largest):
    """Draws from torch."""

    def measure(self, window: Window) -> float:
        return float(torch.rand(()))


class Rolls(Largest):
    """Draws from NumPy."""

    def measure(self, window: Window) -> float:
        return float(np.random.default_rng().random())


class DrawsGlobally(Largest):
    """Draws from the state of NumPy, as exploration does, for nothing."""

    def measure(self, window: Window) -> float:
        return 0 * float(np.random.random())


class DrawsInPython(Largest):
    """Draws from the state of Python."""

    def measure(self, window: Window) -> float:
        return 0 * random.random()


class Switches(Largest):
    """Leaves the policy in another mode."""

    def measure(self, window: Window) -> float:
        window.model.policy.train(not window.model.policy.training)
        return 1.0


class Infinite(Largest):
    """Measures no number."""

    def measure(self, window: Window) -> float:
        return float("inf")


class Plays(Largest):
    """Takes a step in the environment of the training."""

    def measure(self, window: Window) -> float:
        env: Any = window.model.env
        env.step([env.action_space.sample()])
        return 1.0


class Schedules(Largest):
    """Changes the learning rate."""

    def measure(self, window: Window) -> float:
        window.model.lr_schedule = lambda _: 0.1
        return 1.0


class Discounts(Largest):
    """Changes a hyperparameter."""

    def measure(self, window: Window) -> float:
        window.model.gamma = 0.5  # type: ignore[attr-defined]
        return 1.0


class Steps(Largest):
    """Changes the learning rate of the optimiser."""

    def measure(self, window: Window) -> float:
        window.model.policy.optimizer.param_groups[0]["lr"] = 0.1
        return 1.0


class Buffers(Largest):
    """Changes what the agent learns from."""

    def measure(self, window: Window) -> float:
        window.model.rollout_buffer.rewards += 1  # type: ignore[attr-defined]
        return 1.0


class Freezes(Largest):
    """Leaves a weight without gradient."""

    def measure(self, window: Window) -> float:
        next(window.model.policy.parameters()).requires_grad_(False)
        return 1.0


class Moves(Largest):
    """Moves the environment by hand."""

    def measure(self, window: Window) -> float:
        env: Any = window.model.env
        env.envs[0].unwrapped.np_random.random()
        env.envs[0].unwrapped.state = env.envs[0].unwrapped.state * 0
        return 1.0


class Fails(Largest):
    """Raises."""

    def measure(self, window: Window) -> float:
        raise KeyError("layer")


class Details(Largest):
    """Has details that are no JSON."""

    def details(self, window: Window) -> Mapping[str, Any]:
        return window.activations()


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (Changes, "it changes the model"),
        (Hooks, "it leaves 1 torch hooks"),
        (Draws, "torch's global random state"),
        (DrawsGlobally, "NumPy's global random state"),
        (DrawsInPython, "Python's global random state"),
        (Switches, "modes of training"),
        (Rolls, "measured again"),
        (Plays, "after it, the training goes on otherwise than without it"),
        (Moves, "after it, the training goes on otherwise than without it"),
        (Schedules, "it leaves the attribute lr_schedule changed"),
        (Discounts, "it leaves the attribute gamma changed"),
        (Steps, "it leaves options of optimisers changed"),
        (Buffers, "it leaves the rollout buffer changed"),
        (Freezes, "it leaves requires_grad of weights changed"),
        (Infinite, "'largest' measures inf"),
        (Fails, "KeyError: 'layer'"),
        (Details, "details as JSON"),
        (int, "not a valid screener"),
    ],
)
def test_what_breaks_the_contract_is_named(cls: Any, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        check_screener(cls)


@pytest.mark.parametrize("name", screeners())
def test_our_screeners_keep_it(name: str) -> None:
    check_screener(screeners()[name], {"window": 20})  # type: ignore[arg-type]


def test_models_of_ones_own() -> None:
    check_screener(Largest, models=[zoo.make_model("SAC"), zoo.make_model("DQN")])
    with pytest.raises(PluginError, match="on DQN: measure raises Unsupported"):
        check_screener(
            screeners()["policy-entropy"],  # type: ignore[arg-type]
            models=[zoo.make_model("DQN")],
        )
