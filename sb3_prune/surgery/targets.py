"""Targets: which networks of a policy follow which others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from torch import nn

from sb3_prune.surgery.flow.trace import Group
from sb3_prune.surgery.optimizer import optimizers


def target_networks(policy: nn.Module) -> dict[str, list[str]]:
    """Return the targets of each network of a policy, by the names of its children.

    SB3 calls the target of ``critic`` ``critic_target``. Under another name, a network
    counts as one if no optimiser steps any of its parameters, and if it has the class
    and the shapes of exactly one that is stepped.
    """
    children = dict(policy.named_children())
    pairs: dict[str, list[str]] = defaultdict(list)
    for name in children:
        if name.endswith("_target") and name.removesuffix("_target") in children:
            pairs[name.removesuffix("_target")].append(name)
    stepped = {
        id(p)
        for optimizer in optimizers(policy).values()
        for group in optimizer.param_groups
        for p in group["params"]
    }
    known = {name for names in pairs.values() for name in names}
    idle = [n for n, m in children.items() if n not in known and _is_idle(m, stepped)]
    for name in idle if stepped else ():
        alike = [
            n
            for n, module in children.items()
            if n not in (*idle, *known) and _are_alike(module, children[name])
        ]
        if len(alike) == 1:
            pairs[alike[0]].append(name)
    return dict(pairs)


def target_names(policy: nn.Module) -> set[str]:
    """Return the names of all children of a policy that are target networks."""
    return {name for names in target_networks(policy).values() for name in names}


def _is_idle(module: nn.Module, stepped: set[int]) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(id(p) in stepped for p in parameters)


def _are_alike(a: nn.Module, b: nn.Module) -> bool:
    shapes = [{n: p.shape for n, p in m.named_parameters()} for m in (a, b)]
    return type(a) is type(b) and shapes[0] == shapes[1]


def targets_of(policy: nn.Module, groups: Iterable[Group]) -> dict[str, list[str]]:
    """Return the names of the target layers of each layer, by name.

    Args:
        policy: The policy.
        groups: Its groups of units.
    """
    pairs = target_networks(policy)
    by_path = {alias: group.name for group in groups for alias in group.aliases}
    found: dict[str, list[str]] = {}
    for group in groups:
        twins = [by_path.get(path) for path in _followers(group, pairs)]
        names = dict.fromkeys(n for n in twins if n not in (None, group.name))
        if names:
            found[group.name] = list(names)
    return found


def _followers(group: Group, pairs: Mapping[str, list[str]]) -> list[str]:
    """Return the paths of a group's units in target networks."""
    paths = []
    for alias in group.aliases:
        network, _, rest = alias.partition(".")
        paths += [f"{target}.{rest}" for target in pairs.get(network, ())]
    return paths
