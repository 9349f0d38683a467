"""Shallower: networks that lose their last hidden layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.gates import Gate
from sb3_prune.surgery.weight_masks import is_masked
from sb3_prune.transplanting.matching import Match
from sb3_prune.transplanting.stems import heads_of, hidden_of, stem_of


class Shallower(Match):
    """A network that loses its last hidden layers."""

    @property
    def last(self) -> nn.Linear:
        """The last hidden layer of the old network that stays."""
        return hidden_of(self.old)[self.hidden[1] - 1]

    @property
    def read(self) -> str:
        """Name of the units of this layer, as far as output layers will read them."""
        return f"before {self.old.name}"

    @property
    def reader(self) -> nn.Linear:
        """The layer of the old network that has read it, which is gone."""
        return self.gone()[0]

    def gone(self) -> list[nn.Linear]:
        """Return the hidden layers of the old network that are gone."""
        return hidden_of(self.old)[self.hidden[1] :]

    def stays(self) -> list[nn.Module]:
        """Return the modules of the old network before the layers that are gone."""
        stem = list(stem_of(self.old).values())
        return stem[: stem.index(self.reader)]


def find_shallower(matches: Sequence[Match]) -> list[Shallower]:
    """Return the networks that lose hidden layers, target networks too.

    Args:
        matches: Which network of the old agent is which of the new one.

    Raises:
        TransplantError: No layer would be left, the layers before are others, or output
            layers cannot be fitted.
    """
    found = [Shallower(m.old, m.new) for m in matches if m.hidden[0] > m.hidden[1]]
    for each in found:
        _check(each)
    return found


def _check(match: Shallower) -> None:
    name, (before, after) = match.new.name, match.hidden
    if not after:
        raise TransplantError(
            f"'{name}' has {before} hidden layers and would have none: one has to stay."
        )
    if any(isinstance(head, nn.Parameter) for head in match.old.heads):
        raise TransplantError(f"'{name}' has gSDE's noise: it cannot lose layers.")
    if any(is_masked(head) for head in heads_of(match.old)):
        raise TransplantError(
            f"'{name}' has masked weights in its output layers, which would be fitted: "
            "it cannot lose layers."
        )
    ours, theirs = (
        [type(m).__name__ for m in each if not isinstance(m, Gate)]
        for each in (match.stays(), stem_of(match.new).values())
    )
    if ours != theirs:
        raise TransplantError(
            f"'{name}' does not begin as before: it was {', '.join(ours)} and would be "
            f"{', '.join(theirs)}."
        )
