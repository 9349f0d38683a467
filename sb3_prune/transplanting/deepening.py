"""Deepening: hidden layers that are new, and that pass on what they get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.gates import Gate
from sb3_prune.networks.perceptrons import Perceptron
from sb3_prune.transplanting.matching import Match
from sb3_prune.transplanting.stems import heads_of, hidden_of

SCALES: dict[type[nn.Module], float] = {nn.ReLU: 1.0, nn.Tanh: 0.1}
"""Activation functions, and the weight with which a layer before one passes its inputs
on. ReLU does so exactly, for its inputs are outputs of a ReLU. Tanh is almost linear
near 0: 0.1 changes an input of 1 by 0.3 %, and less would learn more slowly."""


class Deeper(Match):
    """A network that gets further hidden layers before its output layers."""

    @property
    def inserted(self) -> list[nn.Linear]:
        """The new layers."""
        return hidden_of(self.new)[self.hidden[0] :]

    @property
    def scale(self) -> float:
        """What all new layers together multiply their inputs by."""
        return float(_weight(self.new) ** len(self.inserted))

    def widths(self) -> tuple[int, int]:
        """Return the units of the last layer that is not new, and of the last one."""
        layers = hidden_of(self.new)
        return layers[self.hidden[0] - 1].out_features, layers[-1].out_features

    def scales(self, policy: nn.Module) -> Iterator[tuple[str, float]]:
        """Yield the paths of weights in the new policy whose inputs are scaled."""
        paths = {module: path for path, module in policy.named_modules()}
        for head in heads_of(self.new):
            yield f"{paths[head]}.weight", self.scale

    @torch.no_grad()
    def pass_on(self) -> None:
        """Let the new layers pass their inputs on; further units stay drawn."""
        factor = _weight(self.new)
        for layer in self.inserted:
            size = layer.in_features
            layer.weight[:size] = factor * torch.eye(size)
            if layer.bias is not None:
                layer.bias[:size] = 0.0
        for head in heads_of(self.new):
            head.weight /= self.scale


def find_deeper(matches: Sequence[Match]) -> list[Deeper]:
    """Return the networks that get further hidden layers, target networks too.

    Args:
        matches: Which network of the old agent is which of the new one.

    Raises:
        TransplantError: The new layers cannot pass on what they get.
    """
    found = [Deeper(m.old, m.new) for m in matches if m.hidden[0] < m.hidden[1]]
    for each in found:
        _check(each)
    return found


def _check(pair: Deeper) -> None:
    name = pair.new.name
    if not pair.hidden[0]:
        raise TransplantError(f"'{name}' has no hidden layer behind which others fit.")
    if any(isinstance(head, nn.Parameter) for head in pair.old.heads):
        raise TransplantError(f"'{name}' has gSDE's noise: it cannot get new layers.")
    odd = [m for m in pair.new.body if list(m.parameters()) and not _is_linear(m)]
    if odd:
        raise TransplantError(
            f"'{name}' cannot get new layers: there is a {type(odd[0]).__name__} "
            "between them."
        )
    _weight(pair.new)
    for layer in pair.inserted:
        if layer.out_features < layer.in_features:
            raise TransplantError(
                f"A new layer of '{name}' has {layer.out_features} units, too few to "
                f"pass on the {layer.in_features} of the layer before it."
            )


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)


def _weight(perceptron: Perceptron) -> float:
    """Return the weight with which a layer passes its inputs on.

    Raises:
        TransplantError: The activation function is another one.
    """
    kinds = {type(m) for m in perceptron.body if not list(m.parameters())}
    kinds -= {nn.Flatten, nn.Identity, Gate}
    if perceptron.heads == () and len(kinds) > 1:
        kinds -= {type(perceptron.body[-1])}  # That of squashed actions.
    known = [SCALES[kind] for kind in kinds if kind in SCALES]
    if len(kinds) != 1 or not known:
        names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "none"
        raise TransplantError(
            f"'{perceptron.name}' cannot get new layers: its activation functions "
            f"are {names}; known: {', '.join(kind.__name__ for kind in SCALES)}."
        )
    return known[0]
