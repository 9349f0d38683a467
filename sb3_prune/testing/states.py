"""What must stay as it is: weights, hooks and random states, before and after."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import PluginError
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.trial import copied
from sb3_prune.surgery.weight_masks import Held, hold, is_masked, present

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_post_accumulate_grad_hooks",
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
)


def _torch_state() -> list[int]:
    # Pickled tensors of equal numbers may differ.
    return torch.get_rng_state().tolist()


def _set_torch_state(state: list[int]) -> None:
    torch.set_rng_state(torch.tensor(state, dtype=torch.uint8))


_RANDOM: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "torch's global random state": (_torch_state, _set_torch_state),
    "NumPy's global random state": (np.random.get_state, np.random.set_state),
    "Python's global random state": (random.getstate, random.setstate),
}


@contextmanager
def blaming(step: str) -> Iterator[None]:
    """Name the step of the check in which an error was raised.

    Raises:
        PluginError: One was raised.
    """
    try:
        yield
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"{step} raises {type(error).__name__}: {error}") from error


def weights_of(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    """Return copies of all parameters and buffers of the policy, by name."""
    state = model.policy.state_dict()
    # Other entries, such as the state of an optimiser, are not tensors.
    weights = {n: t for n, t in state.items() if isinstance(t, torch.Tensor)}
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def are_equal(
    one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]
) -> bool:
    """Tell whether the same names have tensors with the same numbers."""
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[name]) for name, tensor in one.items()
    )


def count_hooks(model: BaseAlgorithm) -> int:
    """Return the number of torch hooks on modules, parameters and optimisers.

    Those that hold masked weights at zero are ours, and do not count.
    """
    policy: nn.Module = model.policy
    holders = [*policy.modules(), *policy.parameters(), *optimizers(policy).values()]
    tables = (
        getattr(holder, name, None) or {} for holder in holders for name in _HOOKS
    )
    hooks = [getattr(hook, "hook", hook) for table in tables for hook in table.values()]
    return sum(hook is not hold and not isinstance(hook, Held) for hook in hooks)


def random_states() -> dict[str, bytes]:
    """Return the random states that trainings share, by what they are."""
    return {name: pickle.dumps(get()) for name, (get, _) in _RANDOM.items()}


def set_random_states(states: Mapping[str, bytes]) -> None:
    """Put back what :func:`random_states` returned."""
    for name, (_, put) in _RANDOM.items():
        put(pickle.loads(states[name]))


def twin_of(model: BaseAlgorithm) -> BaseAlgorithm:
    """Return a model with a copy of the policy and the same observations."""
    twin: Any = copy.copy(model)
    twin.policy = copied(model.policy)
    if hasattr(twin, "_create_aliases"):  # Those of off-policy algorithms.
        twin._create_aliases()
    return twin  # type: ignore[no-any-return]


def whole_twin_of(model: BaseAlgorithm) -> BaseAlgorithm | None:
    """Return a copy that can be trained, environment included; None if none can be."""
    policy = model.policy
    twin = copied(policy)
    pairs = [
        *zip(policy.modules(), twin.modules(), strict=True),
        *zip(policy.parameters(), twin.parameters(), strict=True),
        *zip(policy.buffers(), twin.buffers(), strict=True),
    ]
    memo: dict[int, Any] = {id(old): new for old, new in pairs}
    logger = getattr(model, "_logger", None)  # It has files open.
    memo[id(logger)] = logger
    try:
        return copy.deepcopy(model, memo)
    except Exception:  # Environments can hold anything, such as other processes.
        return None


@torch.no_grad()
def perturb(model: BaseAlgorithm, seed: int) -> None:
    """Move weights as a training would, only further; masked ones stay zero.

    Args:
        model: The model.
        seed: Seed of the movement.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.policy.modules():
        if type(module).__module__.startswith("torch.nn."):
            for weight in module.parameters(recurse=False):
                noise = torch.randn(weight.shape, generator=generator).to(weight)
                weight.add_(noise * weight.abs().mean())
        if is_masked(module):
            module.weight.mul_(present(module))  # type: ignore[operator]
