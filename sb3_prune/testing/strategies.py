"""Check that a strategy keeps its contract, for authors of plug-ins."""

from __future__ import annotations

from collections.abc import Sequence

from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins.options import build
from sb3_prune.plugins.registry import check_class
from sb3_prune.policies.masked import MaskedActorCriticPolicy, MaskedSACPolicy
from sb3_prune.strategies.base import Strategy
from sb3_prune.testing.lives import LOOKS, Life, check_again
from sb3_prune.testing.states import blaming, count_hooks, twin_of


def check_strategy(
    cls: type[Strategy],
    config: object = None,
    models: Sequence[BaseAlgorithm] | None = None,
) -> None:
    """Check on real models that a strategy keeps its contract.

    The strategy is asked for masks and a plan several times from the start to the end
    of a training, in which weights move, and both are carried out. The contract is:
    every proposal must fit the model; the strategy itself changes neither the model nor
    a random state that others use; equal random numbers with an equal saved state give
    equal proposals at all following looks; and once detached, a strategy is as new.

    Args:
        cls: The strategy.
        config: Options of the strategy, a mapping or its ``Config``; the defaults if
            None.
        models: Trained models to prune; a tiny SAC and a tiny PPO model if None.

    Raises:
        PluginError: The strategy breaks the contract; the message says where and how.
    """
    check_class("strategies", cls)
    for model in tiny_models() if models is None else models:
        _check_life(cls, config, model)


def tiny_models() -> list[BaseAlgorithm]:
    """Return a SAC and a PPO model of a few units each, trained for a few steps."""
    sac = SAC(
        MaskedSACPolicy,
        "Pendulum-v1",
        learning_starts=8,
        batch_size=8,
        buffer_size=64,
        policy_kwargs={"net_arch": [6, 5]},
        seed=0,
        device="cpu",
    )
    ppo = PPO(
        MaskedActorCriticPolicy,
        "Pendulum-v1",
        n_steps=32,
        batch_size=8,
        n_epochs=1,
        policy_kwargs={"net_arch": [6, 5]},
        seed=0,
        device="cpu",
    )
    return [sac.learn(32), ppo.learn(32)]


def _check_life(cls: type[Strategy], config: object, model: BaseAlgorithm) -> None:
    where = f"{cls.name} on {type(model).__name__}"
    unseen, hooks = twin_of(model), count_hooks(model)
    with blaming(f"{where}: building it"):
        strategy = build(cls, config)
    life = Life(strategy, model, where)
    for progress in LOOKS:
        life.look(progress)
    life.end()
    if left := count_hooks(model) - hooks:
        raise PluginError(f"{where}: detach leaves {left} torch hooks, expected none.")
    check_again(strategy, unseen, where)
