"""Check that a screener keeps its contract, for authors of plug-ins."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins.options import build
from sb3_prune.plugins.registry import check_class
from sb3_prune.screening.base import Screener
from sb3_prune.screening.collecting import Collector
from sb3_prune.screening.window import Window
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.testing.states import (
    are_equal,
    blaming,
    count_hooks,
    random_states,
    set_random_states,
    weights_of,
    whole_twin_of,
)

_MORE = 64
"""Steps of an off-policy algorithm after the window."""


def check_screener(
    cls: type[Screener],
    config: object = None,
    models: Sequence[BaseAlgorithm] | None = None,
) -> None:
    """Check on real models that a screener keeps its contract.

    Each model is trained for the window of the screener and some steps more. The
    contract is: the value is a finite number, and the same when it is measured again,
    from other random states; the model, its hyperparameters, its torch hooks and all
    random states stay as they are; further numbers can be stored as JSON; and the
    training goes on as that of a copy without a screener does. The last is not checked
    where the environment cannot be copied.

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
            steps = int(screener.config.window)
        _check_training(screener, model, steps, where)


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


class _Screening(BaseCallback):
    """Collects a window, and looks at it while the training goes on."""

    def __init__(self, steps: int, look: Callable[[Window], None]) -> None:
        super().__init__()
        self.steps, self.look = steps, look

    def _on_training_start(self) -> None:
        self.collector = Collector(self.model)

    def _on_step(self) -> bool:
        if self.collector.steps < self.steps:
            self.collector.add(self.locals)
            if self.collector.steps >= self.steps:
                self.look(self.collector.window())
        return True


def _check_training(
    screener: Screener, model: BaseAlgorithm, steps: int, where: str
) -> None:
    """Check the screener in a training, which must end as one without it."""
    twin, states = whole_twin_of(model), random_states()
    more = (
        2 * model.n_steps * model.n_envs if isinstance(model, OnPolicyAlgorithm) else 0
    )
    total = steps + max(more, _MORE)

    def look(window: Window) -> None:
        _check(screener, window, where)

    model.learn(total, _Screening(steps, look))
    if twin is None:
        return
    set_random_states(states)
    twin.learn(total, _Screening(steps, lambda window: None))
    if not are_equal(_result(model), _result(twin)):
        raise PluginError(
            f"{where}: after it, the training goes on otherwise than without it, "
            "expected it to leave the training, its environment too, as it was."
        )


def _result(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    """Return what a training has led to: weights, and where the agent is."""
    return weights_of(model) | {
        f"observation {key}": torch.as_tensor(np.array(part))
        for key, part in by_key(model._last_obs).items()
    }


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
    found = _states(model)
    for name in [*states, *(found.keys() - states.keys())]:
        if states.get(name) != found.get(name):
            raise PluginError(
                f"{where}: it leaves {name} changed, which changes the training; "
                "expected generators of its own, and everything put back."
            )
    before = random_states()
    torch.rand(1)
    with blaming(f"{where}: measure, again,"):
        again = screener.value(window)
    set_random_states(before)
    if again != value:
        raise PluginError(
            f"{where}: measured again, the value is {again}, expected {value}."
        )


def _states(model: BaseAlgorithm) -> dict[str, Any]:
    """Return what else the training depends on, by what it is."""
    policy, buffer = model.policy, getattr(model, "rollout_buffer", None)
    groups = [o.param_groups for o in optimizers(model).values()]
    found: dict[str, Any] = {
        "modes of training": [module.training for module in policy.modules()],
        "requires_grad of weights": [p.requires_grad for p in policy.parameters()],
        "options of optimisers": [
            {name: repr(value) for name, value in group.items() if name != "params"}
            for each in groups
            for group in each
        ],
        "the rollout buffer": pickle.dumps(
            {
                name: value
                for name, value in getattr(buffer, "__dict__", {}).items()
                if isinstance(value, np.ndarray)
            }
        ),
    }
    plain = {
        f"the attribute {name}": value
        for name, value in vars(model).items()
        if callable(value) or isinstance(value, int | float | str | None)
    }
    return random_states() | found | plain
