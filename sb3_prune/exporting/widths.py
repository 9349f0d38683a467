"""Widths: the arguments with which a stock policy class builds a pruned agent's widths.

Stock Stable-Baselines3 has one width for networks of one role, such as twin critics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import CombinedExtractor, NatureCNN
from torch import nn

from sb3_prune.exceptions import CompactError
from sb3_prune.networks.perceptrons import Role
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import wire

NET_ARCH_KEYS = {
    Role.POLICY: "pi",
    Role.STATE_VALUE: "vf",
    Role.ACTION_VALUE: "qf",
    Role.Q_VALUES: "",
}
"""Role -> key of ``net_arch``; for Q-networks ``net_arch`` is a list without keys."""
CNN_WIDTH_ARGUMENTS: dict[type, str] = {
    NatureCNN: "features_dim",
    CombinedExtractor: "cnn_output_dim",
}
"""Features extractor -> its argument for the number of features of its NatureCNN."""


def width_arguments(policy: BasePolicy) -> dict[str, Any]:
    """Return the arguments of a policy class with which it builds a policy's widths.

    Networks of one role that differ in width get that of the widest.

    Args:
        policy: The policy, masked or stock.

    Raises:
        CompactError: No argument sets the width of a layer that has changed.
    """
    _check_expressible(policy, wire(policy).built)
    return {**_other_widths(policy), "net_arch": _net_arch(policy)}


def twins(policy: BasePolicy) -> list[list[HiddenLayer]]:
    """Return the layers that share a number of ``net_arch``, such as twin critics'."""
    return list(_entries(policy).values())


def _entries(policy: BasePolicy) -> dict[tuple[Role, int], list[HiddenLayer]]:
    """Return the layers whose width each number of ``net_arch`` sets.

    A number belongs to the networks of one role, and to the layers of one depth.
    """
    wiring = wire(policy)
    entries: dict[tuple[Role, int], list[HiddenLayer]] = defaultdict(list)
    for network, layers in wiring.by_network().items():
        if network in wiring.roles:
            for depth, layer in enumerate(layers):
                entries[wiring.roles[network], depth].append(layer)
    return entries


def _net_arch(policy: BasePolicy) -> Any:
    """Return the widths of the hidden layers in the form of SB3's ``net_arch``."""
    arch: dict[str, list[int]] = {
        NET_ARCH_KEYS[role]: [] for role in wire(policy).roles.values()
    }
    for (role, _), layers in _entries(policy).items():
        arch[NET_ARCH_KEYS[role]].append(max(layer.units for layer in layers))
    # The net_arch of a Q-network is the list itself.
    return arch.get(NET_ARCH_KEYS[Role.Q_VALUES], arch)


def _other_widths(policy: BasePolicy) -> dict[str, Any]:
    """Return the widths that stock policies take through arguments besides net_arch."""
    widths: dict[str, Any] = {}
    if isinstance(policy, RecurrentActorCriticPolicy):
        widths["lstm_hidden_size"] = policy.lstm_actor.hidden_size
    argument = CNN_WIDTH_ARGUMENTS.get(policy.features_extractor_class)
    if argument and any(isinstance(m, NatureCNN) for m in policy.modules()):
        given = policy.features_extractor_kwargs
        widths["features_extractor_kwargs"] = {**given, argument: _one_width(policy)}
    return widths


def _one_width(policy: BasePolicy) -> int:
    """Return the number of features that all NatureCNNs of a policy have."""
    found = {m.features_dim for m in policy.modules() if isinstance(m, NatureCNN)}
    if len(found) > 1:
        raise CompactError(
            f"The features extractors have {sorted(found)} features, but stock SB3 "
            "builds all of them with the same number."
        )
    return found.pop()


def _check_expressible(policy: BasePolicy, initial: Mapping[str, int]) -> None:
    in_net_arch = tuple(f"{path}." for path in wire(policy).roles)
    for name, layer in wire(policy).items():
        if layer.units == initial.get(name, layer.units):
            continue
        is_set = name.startswith(in_net_arch) or isinstance(layer.module, nn.LSTM)
        if is_set or _is_nature_cnn_output(policy, name):
            continue
        raise CompactError(
            f"'{name}' has {layer.units} of {initial[name]} units, and no argument of "
            f"{type(policy).__name__} sets its width."
        )


def _is_nature_cnn_output(policy: BasePolicy, name: str) -> bool:
    """Tell whether a layer is the Linear of a NatureCNN, whose width is an argument."""
    path, _, rest = name.rpartition(".linear.")
    if policy.features_extractor_class not in CNN_WIDTH_ARGUMENTS or rest != "0":
        return False
    return isinstance(policy.get_submodule(path), NatureCNN)
