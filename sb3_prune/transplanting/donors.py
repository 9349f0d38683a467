"""Donors: carry the bare tensors of a policy into an agent; its class may be gone."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize
from torch import nn

from sb3_prune.exceptions import CheckpointError, SB3PruneError, TransplantError
from sb3_prune.gates import OPTIONAL
from sb3_prune.policies import MaskedPolicyMixin, adopt
from sb3_prune.recording.normalisation import seen
from sb3_prune.runs.pickles import check_moments
from sb3_prune.runs.standing_in import Nowhere
from sb3_prune.surgery import remove_closed, wire
from sb3_prune.surgery.flow.ports import OBSERVATIONS, find_ports
from sb3_prune.surgery.flow.quiet import same_random_state
from sb3_prune.surgery.flow.slots import MASK, Slot
from sb3_prune.surgery.resizing import resize, resize_plan, without_notes
from sb3_prune.surgery.thetas import absorb
from sb3_prune.surgery.weight_masks import forget_masks
from sb3_prune.transplanting.building import build
from sb3_prune.transplanting.heads import count_actions, find_heads
from sb3_prune.transplanting.reporting import TransplantReport
from sb3_prune.transplanting.transplants import transplant_into
from sb3_prune.transplanting.weights import Weights, read_weights

ANEW = "Optimisers and coefficients begin anew: weights hold nothing of them."
UNMASKED = "Masked weights are zeros, which learn again."


def transplant_weights(
    new: BaseAlgorithm,
    weights: Any,
    *,
    observation_space: spaces.Space[Any] | None = None,
    action_space: spaces.Space[Any] | None = None,
    net_arch: Any = None,
    vecnormalize: Any = None,
    **given: Any,
) -> TransplantReport:
    """Fill an untrained agent with the bare tensors of another one's policy.

    The class of the old policy may be gone, for no code of a file is run. Widths, and
    the sizes of vectors of observations and of actions, are read from the shapes of the
    tensors. What is in no shape is that of the new agent: activation functions,
    strides, bounds of actions, numbers of quantiles, of which and of actions shapes
    tell the product only. Optimisers begin anew. Units behind closed gates are
    removed before, and probabilities of gates are multiplied into weights.

    Args:
        new: The untrained agent, of the same algorithm.
        weights: A state dictionary, or the path of a ``policy.pth``, of a file of
            safetensors or of a zip of SB3.
        observation_space: Observations of the old agent; needed if they differ from
            those of the new one and are neither vectors nor single choices.
        action_space: Actions of the old agent; needed if they differ and are
            MultiDiscrete, or continuous with several bounds. If given, another number
            of quantiles is refused.
        net_arch: ``net_arch`` of the old agent, whose widths do not matter; needed if
            it had another number of layers.
        vecnormalize: The old agent's ``VecNormalize``, or the path of its file, which
            is unpickled; needed if the new agent has one.
        **given: All arguments of :func:`transplant_into`, as ``observations``.

    Returns:
        What became of the tensors.

    Raises:
        CheckpointError: A file cannot be read.
        NonFiniteError: A statistic of ``vecnormalize`` is NaN or infinite.
        TransplantError: The tensors do not fit the new agent's class, or cannot be
            mapped. The new agent is not changed.
    """
    tensors = read_weights(weights)
    env = new.get_vec_normalize_env()
    if env is not None and env.norm_obs and vecnormalize is None:
        raise TransplantError(
            "env has VecNormalize, but weights hold no statistics: give those of the "
            "old agent by vecnormalize=, or build the new agent without VecNormalize."
        )
    if observation_space is None:
        observation_space = _observations(new, tensors)
    if action_space is None:
        action_space = _actions(new, tensors)
    nowhere = Nowhere(observation_space, action_space)
    with same_random_state():
        donor = _donor(new, _normalised(nowhere, vecnormalize), net_arch)
    _load(donor, tensors)
    report = transplant_into(new, donor, **given)
    masked = [UNMASKED] if any(name.endswith(f".{MASK}") for name in tensors) else []
    return replace(report, left=(*report.left, ANEW, *masked))


def _normalised(env: Nowhere, given: Any) -> VecEnv:
    """Return an environment with the statistics of another one, if there are any.

    Raises:
        TransplantError: It is something else, or statistics have seen nothing.
        CheckpointError: They are missing or broken, or of other observations.
        NonFiniteError: A statistic is NaN or infinite.
    """
    plain = DummyVecEnv([lambda: env])
    if given is None:
        return plain
    if not isinstance(given, VecNormalize | str | os.PathLike):
        raise TransplantError(
            f"vecnormalize must be a VecNormalize or the path of one, got {given!r}."
        )
    try:
        if isinstance(given, VecNormalize):
            found = copy.copy(given)  # As it is pickled: without its environment.
            found.set_venv(plain)
        else:
            found = VecNormalize.load(str(given), plain)
    except Exception as error:  # Nonsense raises any exception.
        raise CheckpointError(
            f"vecnormalize cannot be used for observations of {env.observation_space}: "
            f"{given!r} ({error})."
        ) from error
    check_moments(found, "vecnormalize")
    if found.norm_obs and not seen(found):
        raise TransplantError(
            "vecnormalize has statistics that have seen no observations: give those of "
            "the training. If the old agent was trained by just these, set the count "
            "of obs_rms, or of that of a key, to 1."
        )
    return found


def _observations(new: BaseAlgorithm, tensors: Weights) -> spaces.Space[Any]:
    """Return the space of old observations, if shapes tell it, else the new one."""
    space = new.observation_space
    is_choice = isinstance(space, spaces.Discrete)
    if not (is_choice or (isinstance(space, spaces.Box) and len(space.shape) == 1)):
        return space
    port = find_ports(new.policy)[OBSERVATIONS]
    alone = [s for s in port.slots if s.tensor.shape[s.axis] == port.entries * s.block]
    sizes = [
        size // s.block for s in alone for size in _lengths(new.policy, s, tensors)
    ]
    if not sizes or sizes[0] == port.entries:
        return space
    if is_choice:
        return spaces.Discrete(sizes[0])
    return spaces.Box(-np.inf, np.inf, (sizes[0],), np.float32)


def _lengths(policy: nn.Module, slot: Slot, tensors: Weights) -> Iterator[int]:
    """Yield the saved length of an axis, if the tensor is saved."""
    path = next(path for path, m in policy.named_modules() if m is slot.owner)
    saved = tensors.get(f"{path}.{slot.attribute}".lstrip("."))
    if saved is not None and saved.ndim > slot.axis:
        yield saved.shape[slot.axis]


def _actions(new: BaseAlgorithm, tensors: Weights) -> spaces.Space[Any]:
    """Return the space of old actions as far as shapes tell it.

    Raises:
        TransplantError: They do not.
    """
    space = new.action_space
    count = count_actions(space)
    head = find_heads(new.policy, count)[0]
    each = head.repeats * head.block
    rows = next(_lengths(new.policy, head.slots[0], tensors), count * each)
    old, rest = divmod(rows, each)
    if rest or old == count:
        return space  # What does not fit is refused later.
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(old, start=space.start)
    if isinstance(space, spaces.MultiBinary):
        return spaces.MultiBinary(old)
    if isinstance(space, spaces.Box) and _are_equal(space.low, space.high):
        low, high = float(space.low.flat[0]), float(space.high.flat[0])
        return spaces.Box(low, high, (old,), space.dtype)
    raise TransplantError(
        f"The old agent has {old} actions, the new one {count}, and shapes tell no more"
        f" of a {type(space).__name__}: give action_space= of the old agent."
    )


def _are_equal(*bounds: np.ndarray) -> bool:
    return all(bool((bound == bound.flat[0]).all()) for bound in bounds)


def _donor(new: BaseAlgorithm, env: VecEnv, net_arch: Any) -> BaseAlgorithm:
    """Build an agent like the new one, with other spaces and next to no buffer."""
    like = copy.copy(new)
    if isinstance(like, OffPolicyAlgorithm):
        like.buffer_size, like.replay_buffer_class = 1, None
        like.replay_buffer_kwargs, like.optimize_memory_usage = {}, False
    kwargs = copy.deepcopy(new.policy_kwargs)
    if net_arch is not None:
        kwargs["net_arch"] = net_arch
    return build(like, env, kwargs, None)


def _load(donor: BaseAlgorithm, tensors: Weights) -> None:
    """Load tensors into an agent whose widths may be others, and make it plain.

    Raises:
        TransplantError: Tensors are missing, nobody knows them, or they have shapes
            that no widths of hidden layers give.
    """
    policy: nn.Module = donor.policy
    try:
        if any(map(_is_ours, tensors)):
            policy = adopt(donor)
        _check_names(policy, tensors)
        resize(policy, resize_plan(policy, wire(policy), tensors))
        is_masked = isinstance(policy, MaskedPolicyMixin)
        policy.load_state_dict(tensors if is_masked else without_notes(tensors))
        remove_closed(donor)
        absorb(donor)
    except TransplantError:
        raise
    except (RuntimeError, SB3PruneError) as error:
        raise TransplantError(
            f"The weights do not fit {type(policy).__name__}: {error}. If the old agent"
            " had other observations, such as images, or other actions, give "
            "observation_space= or action_space=."
        ) from error
    forget_masks(policy)


def _check_names(policy: nn.Module, tensors: Weights) -> None:
    """Check that the policy has the same tensors.

    Raises:
        TransplantError: It does not.
    """
    known, saved = (
        {name for name in without_notes(names) if not _is_ours(name)}
        for names in (policy.state_dict(), tensors)
    )
    if known != saved:
        raise TransplantError(
            f"The weights are not those of {type(policy).__name__}: missing are "
            f"{sorted(known - saved)}, unknown are {sorted(saved - known)}. If the old "
            "agent had another number of layers, give net_arch=."
        )


def _is_ours(name: str) -> bool:
    """Tell whether a tensor belongs to a gate, or is the mask of a weight."""
    *_, owner, leaf = ["", *name.split(".")]
    return leaf == MASK or (owner.startswith("gate") and leaf in OPTIONAL)
