"""Targets: which networks of a policy are target networks of which others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.surgery.flow.beside import beside_of
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.optimizer import optimizers, stepped


def target_networks(policy: nn.Module) -> dict[str, list[str]]:
    """Return the targets of each network of a policy, by the names of its children.

    SB3 calls the target of ``critic`` ``critic_target``. A network with another name
    counts as a target network under three conditions. No optimiser updates any of its
    parameters. Exactly one network that is updated has the same class and shapes. Both
    had the same weights when they were first seen, unlike a frozen teacher.
    """
    pairs = _named(policy)
    followers: dict[str, str] = vars(policy).setdefault("_followers", {})
    for name, online in _lookalikes(policy).items():
        if followers.get(name) != online and _are_equal(policy, name, online):
            followers[name] = online
        if followers.get(name) == online:
            pairs[online].append(name)
    return dict(pairs)


def target_names(policy: nn.Module) -> set[str]:
    """Return the names of all children of a policy that are target networks."""
    return {name for names in target_networks(policy).values() for name in names}


def strangers(policy: nn.Module) -> dict[str, str]:
    """Return lookalikes of online networks that have other weights: name -> online."""
    known = target_names(policy)
    return {n: of for n, of in _lookalikes(policy).items() if n not in known}


def stepped_beside(model: BaseAlgorithm) -> frozenset[str]:
    """Return the children of a policy that the model's own optimisers update."""
    learning = stepped(*optimizers(model).values())
    children = model.policy.named_children()
    return frozenset(name for name, child in children if not _is_idle(child, learning))


def _named(policy: nn.Module) -> defaultdict[str, list[str]]:
    names = {name for name, _ in policy.named_children()}
    pairs: defaultdict[str, list[str]] = defaultdict(list)
    for name, _ in policy.named_children():
        online = name.removesuffix("_target")
        if online != name and online in names:
            pairs[online].append(name)
    return pairs


def _lookalikes(policy: nn.Module) -> dict[str, str]:
    """Return, by idle network, the only learning network of its class and shapes."""
    targets = {name for names in _named(policy).values() for name in names}
    others = {n: m for n, m in policy.named_children() if n not in targets}
    alike = {
        name: [n for n, m in others.items() if n != name and _are_alike(m, module)]
        for name, module in others.items()
    }
    if not any(alike.values()):
        return {}
    held = stepped(*optimizers(policy).values())
    beside = beside_of(policy).stepped
    idle = {n for n, m in others.items() if n not in beside and _is_idle(m, held)}
    learning = {name: [n for n in alike[name] if n not in idle] for name in idle}
    return {n: found[0] for n, found in learning.items() if held and len(found) == 1}


def _is_idle(module: nn.Module, learning: set[torch.Tensor]) -> bool:
    parameters = set(module.parameters())
    return bool(parameters) and not parameters & learning


def _are_alike(a: nn.Module, b: nn.Module) -> bool:
    if type(a) is not type(b):
        return False
    shapes = [{n: p.shape for n, p in m.named_parameters()} for m in (a, b)]
    return shapes[0] == shapes[1] != {}


def _are_equal(policy: nn.Module, one: str, other: str) -> bool:
    pair = [policy.get_submodule(name).parameters() for name in (one, other)]
    return all(map(torch.equal, *pair))


def targets_of(policy: nn.Module, groups: Iterable[Group]) -> dict[str, list[str]]:
    """Return, by layer name, the names of the same layer in target networks.

    Args:
        policy: The policy.
        groups: The groups of units of the policy.
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
