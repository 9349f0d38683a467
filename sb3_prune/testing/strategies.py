"""Check that a strategy keeps its contract, for authors of plug-ins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins.options import build
from sb3_prune.plugins.registry import check_class
from sb3_prune.policies.masked import MaskedActorCriticPolicy, MaskedSACPolicy
from sb3_prune.pruning import look_at
from sb3_prune.strategies.base import Strategy
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.surgeon import apply
from sb3_prune.surgery.wiring import wire

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_post_accumulate_grad_hooks",
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
)


def check_strategy(
    cls: type[Strategy],
    config: object = None,
    models: Sequence[BaseAlgorithm] | None = None,
) -> None:
    """Check on real models that a strategy keeps its contract.

    The strategy is asked for a plan at the start, in the middle and at the end of a
    training, and each plan is carried out. The contract is: every plan must fit the
    model, the strategy itself must not change the model, and equal random numbers with
    an equal saved state must give equal plans.

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
        n_steps=16,
        batch_size=8,
        n_epochs=1,
        policy_kwargs={"net_arch": [6, 5]},
        seed=0,
        device="cpu",
    )
    return [sac.learn(16), ppo.learn(16)]


def _check_life(cls: type[Strategy], config: object, model: BaseAlgorithm) -> None:
    where = f"{cls.name} on {type(model).__name__}"
    hooks = _count_hooks(model)
    with _blaming(f"{where}: building it"):
        strategy = build(cls, config)
    for progress in (0.0, 0.5, 1.0):
        _check_look(strategy, model, progress, f"{where} at progress {progress}")
    with _blaming(f"{where}: detach, twice,"):
        strategy.detach()
        strategy.detach()
    if left := _count_hooks(model) - hooks:
        raise PluginError(f"{where}: detach leaves {left} torch hooks, expected none.")


def _check_look(
    strategy: Strategy, model: BaseAlgorithm, progress: float, where: str
) -> None:
    state = _saved(strategy, where)
    before = _weights(model)
    plan = _propose(strategy, model, progress, where)
    if not _are_equal(before, _weights(model)):
        raise PluginError(
            f"{where}: the strategy changes the model itself, expected only a plan."
        )
    _check_plan(plan, model, where)
    copies = [_restored(strategy, state, where) for _ in range(2)]
    replayed = [_propose(copy, model, progress, where) for copy in copies]
    _check_replay(plan, replayed, where)
    for copy in copies:
        with _blaming(f"{where}: detach"):
            copy.detach()
    with _blaming(f"{where}: applying its plan"):
        apply(model, plan)


def _check_replay(plan: Plan, replayed: list[Plan], where: str) -> None:
    first, second = map(_tensors, replayed)
    if not _are_equal(first, second):
        raise PluginError(
            f"{where}: two plans from equal random numbers differ, expected agent.rng "
            "as the only source of randomness."
        )
    if not _are_equal(first, _tensors(plan)):
        raise PluginError(
            f"{where}: restored from its saved state, the strategy proposes another "
            "plan, expected state_dict to hold all that propose needs."
        )


def _propose(
    strategy: Strategy, model: BaseAlgorithm, progress: float, where: str
) -> Plan:
    agent = look_at(model, progress, np.random.default_rng(0))
    with _blaming(f"{where}: attach, twice,"):
        strategy.attach(agent)
        strategy.attach(agent)
    with _blaming(f"{where}: propose"):
        return strategy.propose(agent)


def _check_plan(plan: object, model: BaseAlgorithm, where: str) -> None:
    if not isinstance(plan, Plan):
        raise PluginError(f"{where}: propose returns {plan!r}, expected a Plan.")
    units = wire(model.policy).units()
    for name, change in plan.items():
        if name not in units:
            known = ", ".join(units)
            raise PluginError(f"{where}: no layer '{name}', expected one of {known}.")
        if change.before != units[name]:
            raise PluginError(
                f"{where}: the change of '{name}' is for {change.before} units, "
                f"expected {units[name]}."
            )


def _saved(strategy: Strategy, where: str) -> str:
    with _blaming(f"{where}: state_dict as JSON"):
        return json.dumps(strategy.state_dict(), allow_nan=False, sort_keys=True)


def _restored(strategy: Strategy, state: str, where: str) -> Strategy:
    copy = build(type(strategy), strategy.config)
    with _blaming(f"{where}: load_state_dict"):
        copy.load_state_dict(json.loads(state))
    if _saved(copy, where) != state:
        raise PluginError(
            f"{where}: after loading the state {state}, the strategy saves "
            f"{_saved(copy, where)}, expected the state that it loaded."
        )
    return copy


def _weights(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    state = model.policy.state_dict()
    # Other entries, such as the state of an optimiser, are not tensors.
    weights = {n: t for n, t in state.items() if isinstance(t, torch.Tensor)}
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def _tensors(plan: Plan) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{field}": torch.as_tensor(getattr(change, field))
        for name, change in plan.items()
        for field in ("rows", "columns", "draws", "seeds")
    }


def _are_equal(
    one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]
) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[name]) for name, tensor in one.items()
    )


def _count_hooks(model: BaseAlgorithm) -> int:
    policy: nn.Module = model.policy
    holders = [*policy.modules(), *policy.parameters(), *optimizers(policy).values()]
    hooks = (getattr(holder, name, None) for holder in holders for name in _HOOKS)
    return sum(len(found) for found in hooks if found)


@contextmanager
def _blaming(step: str) -> Iterator[None]:
    """Name the step of the check in which an error was raised."""
    try:
        yield
    except Exception as error:
        raise PluginError(f"{step} raises {type(error).__name__}: {error}") from error
