"""Matching: which network, and which module in it, an old agent's is in a new agent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from sb3_prune.networks.perceptrons import Perceptron, find_perceptrons
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.transplanting.stems import heads_of, hidden_of, stem_of

CRITIC = re.compile(r"\.qf\d+\b")
"""How SB3 calls critics, of which an agent has any number."""
Routes = dict[str, list[str]]
"""Where modules of the old policy are in the new one, by their paths; a module that is
not listed is where it was."""


@dataclass(frozen=True)
class Match:
    """A network of the old agent, and the network of the new agent that it is."""

    old: Perceptron
    """The network of the old agent."""
    new: Perceptron
    """The network of the new agent."""

    @property
    def hidden(self) -> tuple[int, int]:
        """Numbers of hidden layers of the old network and of the new one."""
        return len(hidden_of(self.old)), len(hidden_of(self.new))

    @property
    def is_copy(self) -> bool:
        """Whether it is a further critic, a copy of the old agent's first one."""
        return self.old.name != self.new.name

    def readers(self) -> tuple[Slot, ...]:
        """Return the columns of the output layers of the old network."""
        heads = heads_of(self.old)
        return tuple(Slot(head, "weight", 1, Side.COLUMNS) for head in heads)

    def modules(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        """Yield the modules that both networks have: (old, new)."""
        ours, theirs = stem_of(self.old), stem_of(self.new)
        pairs = [(ours[name], theirs[name]) for name in ours if name in theirs]
        pairs += zip(heads_of(self.old), heads_of(self.new), strict=False)
        for one, other in pairs:
            inside = dict(other.named_modules())
            for name, module in one.named_modules():
                if name in inside:
                    yield module, inside[name]


def find_matches(old: nn.Module, new: nn.Module) -> list[Match]:
    """Return which network is which, target networks included.

    An agent may have more critics than before, or fewer: further ones are copies of the
    first.

    Args:
        old: The policy of the old agent.
        new: That of the new one.
    """
    ours = {each.name: each for each in find_perceptrons(old)}
    found = []
    for each in find_perceptrons(new):
        mine = ours.get(each.name) or ours.get(first_of(each.name))
        if mine is not None:
            found.append(Match(mine, each))
    return found


def first_of(name: str) -> str:
    """Return the path that a part of a critic has in the first critic."""
    return CRITIC.sub(".qf0", name, count=1)


def routes_of(old: nn.Module, new: nn.Module) -> Routes:
    """Return where the modules of networks are in the new policy.

    Args:
        old: The policy of the old agent.
        new: That of the new one.
    """
    matches = find_matches(old, new)
    ours, theirs = ({m: n for n, m in p.named_modules()} for p in (old, new))
    found: Routes = {ours[module]: [] for module in gone_of(old, matches)}
    for match in matches:
        for one, other in match.modules():
            found.setdefault(ours[one], []).append(theirs[other])
    return found


def gone_of(old: nn.Module, matches: Sequence[Match]) -> list[nn.Module]:
    """Return the modules of layers and critics that the new policy does not have.

    Args:
        old: The policy of the old agent.
        matches: Which network is which.
    """
    known = {each.old.name for each in matches}
    critics = [p for p in find_perceptrons(old) if CRITIC.search(p.name)]
    found = [m for p in critics if p.name not in known for m in p.body.modules()]
    for each in matches:
        left, hidden = each.hidden[1], hidden_of(each.old)
        if 0 < left < len(hidden):
            stem = list(stem_of(each.old).values())
            parts = stem[stem.index(hidden[left]) :]
            found += [m for part in parts for m in part.modules()]
    return found
