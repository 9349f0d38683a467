"""Shrinking: make a net with masked weights a dense one with as many weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.strategies.gradual import best
from sb3_prune.strategies.scores import product
from sb3_prune.surgery import HiddenLayer, Wiring, apply, keep, wire
from sb3_prune.surgery.weight_masks import forget_masks, present


def shrink(student: BaseAlgorithm, networks: Sequence[str]) -> bool:
    """Make a student dense, as small as its masks say; tell if it is smaller.

    The most important units stay. The masks of these networks are dropped.

    Args:
        student: An agent whose weights are masked.
        networks: Names of networks to shrink; all if empty.

    Raises:
        UnknownNameError: The agent has no such network.
        UnsupportedPolicyError: A network is no chain of Linear layers.
    """
    plan = {}
    for chain in chains(wire(student), networks):
        for layer, count in zip(chain, widths(chain), strict=True):
            if count < layer.units:
                units = best(layer, product(layer), count)
                plan[layer.name] = keep(units, layer.units)
    if plan:
        apply(student, plan)
    for layers in wire(student).by_network(networks).values():
        for twin in (twin for layer in layers for twin in layer.with_targets()):
            for slot in twin.group.slots:
                forget_masks(slot.owner)
    return bool(plan)


def widths(chain: Sequence[HiddenLayer]) -> list[int]:
    r"""Return the widths of a dense net with as many weights as are not masked.

    .. math:: n'_l = \lceil \lVert M_l \rVert_0 / n'_{l-1} \rceil

    Args:
        chain: Linear layers of which each reads the one before.
    """
    found: list[int] = []
    for layer in chain:
        mask = present(layer.module)
        inputs = found[-1] if found else mask.shape[1]
        found.append(min(layer.units, max(1, -(-int(mask.sum()) // inputs))))
    return found


def chains(wiring: Wiring, networks: Sequence[str]) -> list[list[HiddenLayer]]:
    """Return the layers of each network, from its inputs on.

    Raises:
        UnknownNameError: The agent has no such network.
        UnsupportedPolicyError: A network is no chain of Linear layers.
    """
    found = wiring.by_network(networks)
    for name, layers in found.items():
        linear = [layer.module for layer in layers if type(layer.module) is nn.Linear]
        follows = all(b.in_features == a.out_features for a, b in pairwise(linear))
        if len(linear) < len(layers) or not follows:
            raise UnsupportedPolicyError(
                f"PoPS computes the widths of chains of Linear layers; '{name}' is no "
                "such chain. Choose others by networks."
            )
    return list(found.values())
