"""Reference: a random agent of the same shape, to compare a trained one with."""

from __future__ import annotations

from typing import TypeVar

import torch
from sb3_contrib.common.torch_layers import BatchRenorm
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import require_at_least
from sb3_prune.policies.initialization import xavier
from sb3_prune.runs.reloading import reload
from sb3_prune.surgery.flow.quiet import same_random_state, seed_torch
from sb3_prune.surgery.weight_masks import maskable, present

Model = TypeVar("Model", bound=BaseAlgorithm)


def random_like(model: Model, seed: int = 0) -> Model:
    """Return a copy of a model with newly drawn random weights.

    Hidden and output layers of the networks are Xavier-initialised (:func:`xavier`).
    Other modules (features extractors, LSTMs, normalisation) get the default
    initialisation of torch. Widths, gates and masks of weights are kept, so the copy of
    a pruned agent is as small as the agent. The copy is made by
    :func:`sb3_prune.runs.reload`. The model and the global random states do not change.

    Args:
        model: The agent, of any supported algorithm.
        seed: Seed of the weights.

    Raises:
        ConfigError: The seed is no whole number, or negative.
        UnsupportedPolicyError: None of the policy's networks is known.
    """
    require_at_least("seed", seed, 0)
    twin = reload(type(model), model)
    with same_random_state():
        seed_torch(seed)
        _draw(twin.policy)
    return twin


def _draw(policy: torch.nn.Module) -> None:
    for module in policy.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
        elif isinstance(module, BatchRenorm):
            _reset(module)
    xavier(policy)
    for module in maskable(policy).values():
        with torch.no_grad():
            module.weight.mul_(present(module))


def _reset(norm: BatchRenorm) -> None:
    """Reset the statistics to mean 0 and variance 1, scale to 1, the rest to 0."""
    for name, tensor in (*norm.named_parameters(), *norm.named_buffers()):
        tensor.data.fill_(1 if name in ("scale", "ra_var") else 0)
