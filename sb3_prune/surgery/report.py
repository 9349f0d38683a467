"""Report: what a plan has changed in an agent, and what deserves a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """What a plan changed, and what deserves a look."""

    units: Mapping[str, tuple[int, int]]
    """Number of units before and after, by changed layer."""
    parameters: tuple[int, int]
    """Number of parameters of the policy before and after, targets included."""
    lagging: Mapping[str, float]
    """Layers with removed units that were dead in the online network, but not yet in a
    target network: the largest weight by which the target read one of them."""
    unfolded: Mapping[str, str] = field(default_factory=dict)
    """Why removed constant units could not be folded into biases, by layer."""
    mixing: Mapping[str, str] = field(default_factory=dict)
    """Operations that mix the units of a changed layer, and how far removing dead units
    of all such layers moved the outputs of a copy, before the first cut. A layer
    normalisation, for example, takes the mean of fewer units."""
    unoptimised: tuple[str, ...] = ()
    """Trainable parameters that no optimiser updates, without those of targets."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Layers whose units cannot change, with the reason."""
    strangers: Mapping[str, str] = field(default_factory=dict)
    """Networks that no optimiser updates, each with an online network that had the same
    shapes but other weights. They count as networks of their own, not as targets."""

    def __str__(self) -> str:
        before, after = self.parameters
        rows = [f"{n}: {was} -> {now} units" for n, (was, now) in self.units.items()]
        return "\n".join(
            [*rows, f"{before:,} -> {after:,} parameters", *self.remarks()]
        )

    def remarks(self) -> list[str]:
        """Return what deserves a look, one sentence per finding."""
        return [
            *(
                f"{n}: its target still reads removed units, by weights up to {w:.3g}"
                for n, w in self.lagging.items()
            ),
            *(
                f"{n}: its constant units could not be folded into biases: {why}"
                for n, why in self.unfolded.items()
            ),
            *(f"{n}: its units are mixed by {how}" for n, how in self.mixing.items()),
            *(f"{n}: no optimiser updates it" for n in self.unoptimised),
            *(f"{n}: its units cannot change: {why}" for n, why in self.fixed.items()),
            *(
                f"{n}: not a target network, because its weights were not those of "
                f"'{online}'; if it is one, name it '{online}_target'"
                for n, online in self.strangers.items()
            ),
        ]
