"""Reference: a random agent of the same shape, to compare a trained one with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import torch
from sb3_contrib.common.torch_layers import BatchRenorm
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError, require_at_least
from sb3_prune.policies.initialization import xavier
from sb3_prune.runs.reloading import reload
from sb3_prune.surgery.flow.quiet import same_random_state, seed_torch
from sb3_prune.surgery.weight_masks import maskable, present

Model = TypeVar("Model", bound=BaseAlgorithm)
KEPT = ("log_std", "theta")
"""Parameters that a random agent has from the trained one; theta is that of gates."""


def random_like(model: Model, seed: int = 0) -> Model:
    """Return a copy of a model with newly drawn random weights.

    Hidden and output layers of the networks are Xavier-initialised (:func:`xavier`).
    Other modules (features extractors, LSTMs, normalisation) get the default
    initialisation of torch. Widths, gates and masks of weights are kept, so the copy of
    a pruned agent is as small as the agent; ``log_std`` is kept, too. The copy is made
    by :func:`sb3_prune.runs.reload`. The model and the global random states do not
    change.

    Args:
        model: The agent, of any supported algorithm.
        seed: Seed of the weights.

    Raises:
        ConfigError: The seed is no whole number, or negative.
        UnsupportedPolicyError: None of the policy's networks is known; or a parameter
            is as it was learnt: no ``reset_parameters`` of its module draws it.
    """
    require_at_least("seed", seed, 0)
    twin = reload(type(model), model)
    with same_random_state():
        seed_torch(seed)
        moved = _moved(twin.policy)
        _draw(twin.policy)
    _check_drawn(moved, twin.policy)
    return twin


def _draw(policy: nn.Module) -> None:
    for module in policy.modules():
        reset = _reset_of(module)
        if reset is not None:
            reset()
    xavier(policy)
    for module in maskable(policy).values():
        with torch.no_grad():
            module.weight.mul_(present(module))


def _reset_of(module: nn.Module) -> Callable[[], object] | None:
    """Return what draws the parameters of a module anew, if anything does."""
    if isinstance(module, BatchRenorm):
        return partial(_reset, module)
    names = ("reset_parameters", "_reset_parameters")  # The latter is attention's.
    found = (getattr(module, name, None) for name in names)
    return next((each for each in found if callable(each)), None)


def _moved(policy: nn.Module) -> dict[str, torch.Tensor]:
    """Add 1 to all parameters that can be learnt, and return them by name.

    What is not drawn anew is then told by its value, even if it is that of a start.
    """
    found = {}
    for name, parameter in policy.named_parameters():
        if parameter.requires_grad and name.rpartition(".")[2] not in KEPT:
            parameter.data.add_(1.0)
            found[name] = parameter.detach().clone()
    return found


def _check_drawn(moved: Mapping[str, torch.Tensor], policy: nn.Module) -> None:
    """Raise if a parameter still is what it was moved to."""
    now = dict(policy.named_parameters())
    learnt = [name for name, old in moved.items() if torch.equal(now[name], old)]
    if learnt:
        raise UnsupportedPolicyError(
            f"Nobody knows how to draw {', '.join(learnt)} anew: give their modules a "
            "method reset_parameters that does."
        )


def _reset(norm: BatchRenorm) -> None:
    """Reset the statistics to mean 0 and variance 1, scale to 1, the rest to 0."""
    for name, tensor in (*norm.named_parameters(), *norm.named_buffers()):
        tensor.data.fill_(1 if name in ("scale", "ra_var") else 0)
