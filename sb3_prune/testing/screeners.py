"""Check that a screener keeps its contract, for authors of plug-ins."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Sequence

import numpy as np
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins.options import build
from sb3_prune.plugins.registry import check_class
from sb3_prune.screening.base import Screener
from sb3_prune.screening.collecting import Collector
from sb3_prune.screening.window import Window
from sb3_prune.testing.states import are_equal, blaming, count_hooks, weights_of


def check_screener(
    cls: type[Screener],
    config: object = None,
    models: Sequence[BaseAlgorithm] | None = None,
) -> None:
    """Check on real models that a screener keeps its contract.

    Each model is trained for the window of the screener. The contract is: the value is
    a finite number, and the same when it is measured again, from other random states;
    the model, its torch hooks and all random states stay as they are; further numbers
    can be stored as JSON.

    Args:
        cls: The screener.
        config: Options of the screener, a mapping or its ``Config``; the defaults if
            None.
        models: Models to train; a tiny A2C and a tiny PPO model if None.

    Raises:
        PluginError: The screener breaks the contract; the message says where and how.
    """
    check_class("screeners", cls)
    for model in _fresh() if models is None else models:
        where = f"{cls.name} on {type(model).__name__}"
        with blaming(f"{where}: building it"):
            screener = build(cls, config)
        _check(screener, _window(model, screener.config.window), where)


def _fresh() -> list[BaseAlgorithm]:
    policy = {"net_arch": [6, 5], "activation_fn": torch.nn.ReLU}
    return [
        A2C("MlpPolicy", "CartPole-v1", policy_kwargs=policy, seed=0, device="cpu"),
        PPO(
            "MlpPolicy",
            "Pendulum-v1",
            n_steps=16,
            batch_size=8,
            policy_kwargs=policy,
            seed=0,
            device="cpu",
        ),
    ]


class _Collecting(BaseCallback):
    """Collects a window, and ends the training with it."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def _on_training_start(self) -> None:
        self.collector = Collector(self.model)

    def _on_step(self) -> bool:
        self.collector.add(self.locals)
        return self.collector.steps < self.steps


def _window(model: BaseAlgorithm, steps: int) -> Window:
    collecting = _Collecting(steps)
    model.learn(steps, collecting)
    return collecting.collector.window()


def _check(screener: Screener, window: Window, where: str) -> None:
    model = window.model
    weights, hooks, states = weights_of(model), count_hooks(model), _states(model)
    with blaming(f"{where}: measure"):
        value = screener.value(window)
    with blaming(f"{where}: details as JSON"):
        json.dumps(dict(screener.details(window)), allow_nan=False)
    if not are_equal(weights, weights_of(model)):
        raise PluginError(f"{where}: it changes the model, expected only a number.")
    if left := count_hooks(model) - hooks:
        raise PluginError(f"{where}: it leaves {left} torch hooks, expected none.")
    for name, state in _states(model).items():
        if state != states[name]:
            raise PluginError(
                f"{where}: it leaves {name} changed, which changes the training; "
                "expected generators of its own, and everything put back."
            )
    torch.rand(1)
    again = screener.value(window)
    if again != value:
        raise PluginError(
            f"{where}: measured again, the value is {again}, expected {value}."
        )


def _states(model: BaseAlgorithm) -> dict[str, bytes]:
    """Return what else the training depends on, by what it is."""
    found = {
        "torch's global random state": torch.get_rng_state().tolist(),
        "NumPy's global random state": np.random.get_state(),
        "Python's global random state": random.getstate(),
        "modes of training": [module.training for module in model.policy.modules()],
    }
    return {name: pickle.dumps(state) for name, state in found.items()}
