"""Reporting: what was carried over, what is new, what is gone, what moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sb3_prune.transplanting.carrying import Carried
from sb3_prune.transplanting.ids import Sources


@dataclass(frozen=True, kw_only=True)
class TransplantReport:
    """What became of an agent."""

    tensors: Mapping[str, Carried]
    """What became of each tensor, by its path in the policy."""
    observations: Sources
    """Which old observation each new one is."""
    actions: Sources
    """Which old action each new one is."""
    rule: str
    """Rule for the outputs of new actions; empty if there are none."""
    moved: float
    """Largest difference of what output layers say about old actions, relative to the
    largest value; new observations are drawn."""
    states: str
    """Where the states come from that rules and differences are computed on."""
    left: tuple[str, ...]
    """What stays behind, one sentence each."""
    fits: Mapping[str, float] = field(default_factory=dict)
    """Networks that have lost layers, whose output layers were fitted: relative error
    on observations that were held out."""

    @property
    def carried(self) -> int:
        """Number of entries of all tensors that are those of the old agent."""
        return sum(each.carried for each in self.tensors.values())

    @property
    def new(self) -> int:
        """Number of entries of all tensors that the old agent does not have."""
        return sum(each.new for each in self.tensors.values())

    @property
    def dropped(self) -> int:
        """Number of entries of the old agent's tensors that are gone."""
        return sum(each.dropped for each in self.tensors.values())

    def __str__(self) -> str:
        rows = [f"{'tensor':40}{'carried':>10}{'new':>10}{'dropped':>10}"]
        rows += [
            f"{path:40}{t.carried:10,}{t.new:10,}{t.dropped:10,}"
            for path, t in self.tensors.items()
        ]
        rows.append(f"{'all':40}{self.carried:10,}{self.new:10,}{self.dropped:10,}")
        rows.append(f"outputs moved by at most {self.moved:.2g} on {self.states}")
        if self.rule:
            rows.append(f"outputs of new actions: {self.rule}")
        rows += [
            f"output layers of '{name}' fitted with a relative error of {error:.2g}; "
            "their moments begin anew"
            for name, error in self.fits.items()
        ]
        return "\n".join([*rows, *self.left])
