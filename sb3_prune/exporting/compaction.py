"""Compact: turn a pruned agent into an agent of stock Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, overload

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.dqn.dqn import DQN
from stable_baselines3.sac.sac import SAC

from sb3_prune.algorithms.branching_dqn import BranchingDQN
from sb3_prune.algorithms.value_sac import ValueSAC
from sb3_prune.exceptions import CheckpointError, CompactError
from sb3_prune.exporting.overrides import check_equal, is_ours
from sb3_prune.exporting.schedules import use_stock_schedules
from sb3_prune.exporting.widths import twins, width_arguments
from sb3_prune.networks.ofexinet import ofexinet_of
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.runs.reloading import reload
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.elementary import add
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.flow.quiet import same_random_state
from sb3_prune.surgery.masking import remove_closed
from sb3_prune.surgery.surgeon import apply
from sb3_prune.surgery.thetas import absorb
from sb3_prune.surgery.weight_masks import forget_masks

Model = TypeVar("Model", bound=BaseAlgorithm)
OUR_ARGUMENTS = ("initial_units", "temperature")
"""Arguments of our policy classes that no stock policy class has."""
MAX_JOINT_ACTIONS = 100_000
"""Largest number of joint actions of a compacted branching agent."""
INSTEAD = (
    "Save the agent by model.save() and load that zip where sb3_prune is installed."
)
"""What to do with an agent that no stock policy can represent."""


@overload
def compact(model: BranchingDQN) -> DQN: ...
@overload
def compact(model: ValueSAC) -> SAC: ...
@overload
def compact(model: Model) -> Model: ...


@usual_modes()
@same_random_state()  # Surgery draws the exploration of gSDE anew.
def compact(model: BaseAlgorithm) -> BaseAlgorithm:
    """Return a plain copy of a model: its zip loads where sb3_prune is not installed.

    Units with a closed gate are removed, thetas are multiplied into the weights, and
    masked weights are plain zeros, which may learn again. Stock SB3 knows only one
    width for twin critics, so the narrower one is padded with zero units. The new
    widths are written to ``net_arch``. The outputs are equal to the model's. The state
    of the optimisers is copied too, so training can go on. The replay buffer is not
    copied. The global random states do not change.

    Exploration by softmax (``temperature``) and schedules of RL Zoo become SB3's own.

    A :class:`BranchingDQN` becomes a stock ``DQN`` over the joint actions, whose number
    has the action of branch 0 as its most significant digit. The last layer adds up the
    outputs of the branches, so greedy actions can differ where two values differ by no
    more than float32 rounding. Adam's second moments are mapped like the weights, which
    is an approximation. The copy gets no environment: the model's has other actions.

    A :class:`ValueSAC` becomes a stock ``SAC`` without the value network. Its target
    critics, which ``ValueSAC`` does not update, start as copies of the critics.

    Args:
        model: A model with a masked or a stock policy; it is not changed.

    Raises:
        CompactError: No stock policy can represent the agent, or SB3 cannot load what
            it saves of it.
        UnsupportedPolicyError: The policy is compiled, is lazy or cannot be run, or
            thetas weigh the units of a layer normalisation.
    """
    if ofexinet_of(model.policy) is not None:
        raise CompactError(
            f"{type(model.policy).__name__} reads the features of an OFEXiNet, which "
            f"no stock policy has. {INSTEAD}"
        )
    copy = _reloaded(type(model), model)
    remove_closed(copy)
    absorb(copy)
    if isinstance(copy, ValueSAC):
        _drop_value(copy)
    widths = _expressed(copy.policy)
    apply(copy, _pad_twins(copy.policy))
    cls: type[BaseAlgorithm] = type(copy)
    if isinstance(copy, BranchingDQN):
        _join_branches(copy)
        cls = DQN
    forget_masks(copy.policy)
    kept = {k: v for k, v in copy.policy_kwargs.items() if k not in OUR_ARGUMENTS}
    copy.policy_class = stock_class(type(copy.policy))
    copy.policy_kwargs = {**kept, **widths}
    use_stock_schedules(copy)
    plain = _plain(cls, copy)
    check_equal(model, plain)
    if model.env is not None and plain.action_space == model.action_space:
        plain.set_env(model.env)
    return plain


def stock_class(cls: type[BasePolicy]) -> type[BasePolicy]:
    """Return the first policy class outside of sb3_prune, e.g. ``SACPolicy``.

    The first in the method resolution order: the class itself or one of its bases.

    Raises:
        CompactError: There is none.
    """
    for base in cls.__mro__:
        ours = issubclass(base, MaskedPolicyMixin)
        if issubclass(base, BasePolicy) and not (ours or is_ours(base)):
            return base
    raise CompactError(
        f"{cls.__name__} derives from no policy class outside of sb3_prune."
    )


def _plain(cls: type[Model], model: BaseAlgorithm) -> Model:
    """Reload a changed copy as a model with the stock policy class that it names.

    Raises:
        CompactError: The stock class builds other networks than the copy has.
    """
    try:
        # An attribute of BranchingDQN; without it, the zip has what a stock DQN has.
        return _reloaded(cls, model, exclude=["decomposition"])
    except CompactError as error:
        raise CompactError(
            f"{model.policy_class.__name__} does not build the networks and optimisers "
            f"of this agent from net_arch = {model.policy_kwargs['net_arch']}. "
            f"{INSTEAD} ({error})"
        ) from error


def _reloaded(
    cls: type[Model], model: BaseAlgorithm, exclude: Iterable[str] = ()
) -> Model:
    """Reload a model.

    Raises:
        CompactError: SB3 cannot load what it saves of the model.
    """
    try:
        return reload(cls, model, exclude)
    except CheckpointError as error:
        raise CompactError(str(error)) from error


def _expressed(policy: BasePolicy) -> dict[str, Any]:
    try:
        return width_arguments(policy)
    except CompactError as error:
        raise CompactError(f"{error} {INSTEAD}") from None


def _pad_twins(policy: BasePolicy) -> dict[str, Change]:
    """Return the plan that pads twin critics with zero units to a common width."""
    plan = {}
    for layers in twins(policy):
        widest = max(layer.units for layer in layers)
        for layer in layers:
            if layer.units < widest:
                plan[layer.name] = add(widest - layer.units, layer.units, seed=None)
    return plan


def _drop_value(model: ValueSAC) -> None:
    """Turn a model into one of stock SAC, without the value network, in place."""
    policy = model.policy
    policy.critic_target.load_state_dict(policy.critic.state_dict())
    for owner in (policy, model):
        del owner.value, owner.value_target
    # SAC saves the optimisers that it knows, so V's is left out.
    model.__class__ = SAC  # type: ignore[assignment]


def joint_matrix(branches: list[int]) -> torch.Tensor:
    r"""Return the matrix S, (joint actions, branch outputs).

    .. math:: Q = S q, \quad S_{a, (i, j)} = 1 \text{ if } a_i = j, \text{ else } 0

    The value of a joint action is the sum of the branch outputs of its components.
    """
    blocks = [torch.eye(n) for n in branches]
    grid = torch.cartesian_prod(*[torch.arange(n) for n in branches])
    digits = grid.reshape(-1, len(branches)).T
    return torch.cat([block[d] for block, d in zip(blocks, digits, strict=True)], dim=1)


def _join_branches(model: BranchingDQN) -> None:
    """Let the head compute Q = S (W h + b) of joint actions, in place.

    The new weights are W' = S W and b' = S b, see :func:`joint_matrix`.
    """
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
