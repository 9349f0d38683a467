"""Stems: the parts of a network, hidden layers and output layers."""

from __future__ import annotations

from torch import nn

from sb3_prune.networks.perceptrons import Perceptron


def hidden_of(network: Perceptron) -> list[nn.Linear]:
    """Return the hidden layers of a network."""
    linears = network.linears()
    return linears if network.heads else linears[:-1]


def heads_of(network: Perceptron) -> list[nn.Linear]:
    """Return the output layers of a network."""
    found = network.heads or network.linears()[-1:]
    return [head for head in found if isinstance(head, nn.Linear)]


def stem_of(network: Perceptron) -> dict[str, nn.Module]:
    """Return the modules of a network up to its output layers, by name."""
    named = dict(network.body.named_children())
    if network.heads:
        return named
    (head,) = heads_of(network)
    place = list(named.values()).index(head)
    return dict(list(named.items())[:place])
