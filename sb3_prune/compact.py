"""Compact: say a pruned agent in the words of stock Stable-Baselines3."""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.dqn.dqn import DQN
from stable_baselines3.sac.sac import SAC

from sb3_prune.algorithms.branching_dqn import BranchingDQN
from sb3_prune.algorithms.value_sac import ValueSAC
from sb3_prune.exceptions import CompactError
from sb3_prune.networks.ofexinet import OFEXiNet
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.surgery.apply import apply
from sb3_prune.surgery.change import Change, add
from sb3_prune.surgery.masking import remove_closed
from sb3_prune.surgery.thetas import absorb
from sb3_prune.surgery.wiring import Wiring, wire

Model = TypeVar("Model", bound=BaseAlgorithm)

MAX_JOINT_ACTIONS = 100_000
"""Largest joint action set that a branching agent is compacted to."""


def compact(model: BaseAlgorithm) -> BaseAlgorithm:
    """Return a plain copy of a model: its zip loads where sb3_prune is not installed.

    Units behind closed gates are removed, thetas become part of the weights, twin
    critics of different widths are padded with zero units to the wider one, and
    ``net_arch`` says the widths. Outputs are equal; optimiser state goes along, so
    training can go on. A :class:`BranchingDQN` becomes a stock ``DQN`` over the joint
    action set, branch 0 the most significant digit: its last layer is the sum of the
    branches' outputs, and its actions are equal but where two choices' values differ
    by no more than float32 rounding. A :class:`ValueSAC` becomes a stock ``SAC``: its
    value network is left behind, and the critics' targets, which it does not use, start
    as copies of the critics.

    Args:
        model: A model with a masked or a stock policy; it is not changed.

    Raises:
        CompactError: No stock policy can say it.
        UnsupportedPolicyError: The policy's networks are not known.
    """
    if isinstance(getattr(model.policy, "ofe", None), OFEXiNet):
        raise CompactError(
            f"{type(model.policy).__name__} reads the features of an OFEXiNet, which "
            "no stock policy has: load its zip where sb3_prune is installed."
        )
    copy = _copy(model)
    remove_closed(copy)
    absorb(copy)
    if isinstance(copy, ValueSAC):
        _drop_value(copy)
    apply(copy, _pad_twins(wire(copy.policy)))
    arch = _net_arch(wire(copy.policy))
    cls: type[BaseAlgorithm] = type(copy)
    if isinstance(copy, BranchingDQN):
        _join_branches(copy)
        cls = DQN
    policy_class = stock_class(type(copy.policy))
    kept = {k: v for k, v in copy.policy_kwargs.items() if k != "temperature"}
    copy.policy_class = policy_class
    copy.policy_kwargs = {**kept, "net_arch": arch}
    plain = _reload(cls, copy, exclude=["decomposition"])
    if model.env is not None and plain.action_space == model.action_space:
        plain.set_env(model.env)
    return plain


def stock_class(cls: type[BasePolicy]) -> type[BasePolicy]:
    """Return the class behind the mixin, e.g. ``SACPolicy``.

    Raises:
        CompactError: There is none outside of sb3_prune.
    """
    for base in cls.__mro__:
        ours = issubclass(base, MaskedPolicyMixin)
        ours = ours or base.__module__.partition(".")[0] == "sb3_prune"
        if issubclass(base, BasePolicy) and not ours:
            return base
    raise CompactError(f"{cls.__name__} has no policy class outside of sb3_prune.")


def _copy(model: Model) -> Model:
    return _reload(type(model), model, exclude=[])


def _reload(cls: type[Model], model: BaseAlgorithm, exclude: list[str]) -> Model:
    buffer = io.BytesIO()
    model.save(buffer, exclude=exclude)
    buffer.seek(0)
    with _same_randomness():  # SB3 seeds every generator anew when it loads.
        return cls.load(buffer, device=model.device)


@contextmanager
def _same_randomness() -> Iterator[None]:
    """Leave the state of the random number generators as it was."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _twins(wiring: Wiring) -> dict[str, list[str]]:
    """Group the layers that one ``net_arch`` entry says, e.g. those of qf0 and qf1."""
    groups: dict[str, list[str]] = defaultdict(list)
    depths: dict[str, int] = defaultdict(int)
    for name, layer in wiring.items():
        role = "qf" if layer.network.startswith("critic.") else layer.network
        groups[f"{role}/{depths[layer.network]}"].append(name)
        depths[layer.network] += 1
    return groups


def _pad_twins(wiring: Wiring) -> dict[str, Change]:
    """Return the plan that gives twin critics one width, by zero units."""
    plan = {}
    for names in _twins(wiring).values():
        widest = max(wiring[name].units for name in names)
        for name in names:
            if wiring[name].units < widest:
                plan[name] = add(widest - wiring[name].units, wiring[name].units)
    return plan


def _net_arch(wiring: Wiring) -> Any:
    """Return the widths as SB3's ``net_arch``."""
    arch: dict[str, list[int]] = {}
    for group, names in _twins(wiring).items():
        network = group.partition("/")[0]
        role = {"mlp_extractor.value_net": "vf", "qf": "qf"}.get(network, "pi")
        arch.setdefault(role, []).append(wiring[names[0]].units)
    if all(name.startswith(("q_net.", "quantile_net.")) for name in wiring):
        return arch.get("pi", [])
    other = "vf" if any(n.startswith("mlp_extractor.") for n in wiring) else "qf"
    return {"pi": arch.get("pi", []), other: arch.get(other, [])}


def _drop_value(model: ValueSAC) -> None:
    """Make a model one of stock SAC, which learns without V, in place."""
    policy = model.policy
    policy.critic_target.load_state_dict(policy.critic.state_dict())
    for owner in (policy, model):
        del owner.value, owner.value_target
    model.__class__ = SAC  # type: ignore[assignment]  # saved without V's optimiser


def joint_matrix(branches: list[int]) -> torch.Tensor:
    """Return S, (joint actions, branch outputs): which outputs an action adds up."""
    blocks = [torch.eye(n) for n in branches]
    grid = torch.cartesian_prod(*[torch.arange(n) for n in branches])
    digits = grid.reshape(-1, len(branches)).T
    return torch.cat([block[d] for block, d in zip(blocks, digits, strict=True)], dim=1)


def _join_branches(model: BranchingDQN) -> None:
    """Make the head say joint actions: W' = S W, b' = S b, in place."""
    branches = model.policy.q_net.branches
    total = int(torch.tensor(branches, dtype=torch.float64).prod())
    if total > MAX_JOINT_ACTIONS:
        raise CompactError(
            f"{branches} make {total} joint actions, more than {MAX_JOINT_ACTIONS}."
        )
    matrix = joint_matrix(branches)
    for network in (model.policy.q_net, model.policy.q_net_target):
        head = [m for m in network.q_net if isinstance(m, torch.nn.Linear)][-1]
        for tensor in (head.weight, head.bias):
            _mix_rows(model, tensor, matrix)
    model.action_space = spaces.Discrete(total)


@torch.no_grad()
def _mix_rows(model: BranchingDQN, tensor: torch.Tensor, matrix: torch.Tensor) -> None:
    mixed = matrix.to(tensor)
    state = model.policy.optimizer.state.get(tensor, {})
    for key, value in state.items():
        if isinstance(value, torch.Tensor) and value.shape == tensor.shape:
            state[key] = mixed @ value
    tensor.data = mixed @ tensor.data
