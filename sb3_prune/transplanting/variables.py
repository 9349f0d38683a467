"""Variables: what a model learns beside its policy, as the entropy coefficient."""

from __future__ import annotations

import copy
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.transplanting.moments import alike


def carry_variables(old: BaseAlgorithm, new: BaseAlgorithm) -> None:
    """Carry what a model itself learns: the entropy coefficient, and its moments.

    A coefficient that is not learnt is a hyperparameter of the new agent.

    Args:
        old: The old agent; it stays as it is.
        new: The new agent.
    """
    networks, variables = old._get_torch_save_params()
    for name in variables:
        value, known = getattr(old, name), getattr(new, name, None)
        if known is not None and value.requires_grad:
            known.data.copy_(value.data)
    for name in networks:
        mine: Any = getattr(old, name, None)
        place: Any = getattr(new, name, None)
        if isinstance(mine, torch.optim.Optimizer) and alike(mine, place):
            # load_state_dict() copies no tensors.
            moments = copy.deepcopy(mine.state_dict()["state"])
            place.load_state_dict({**place.state_dict(), "state": moments})
