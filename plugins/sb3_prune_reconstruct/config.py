"""Options of the strategy ``reconstruct``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sb3_prune.compensation import Choice
from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import GradualConfig, require_finite, require_one_of

Limit = Literal["error", "kl"]
"""What a tolerance limits."""


@dataclass(frozen=True, kw_only=True)
class ReconstructConfig(GradualConfig):
    """Which units stay, and how many.

    Raises:
        ConfigError: A value is outside its range.
    """

    choice: Choice = "backward"
    """How units are ranked: by removing, one by one, the unit that readers miss least;
    by QR with pivoting of their activations, plain or centred; or by their standard
    deviation times the norm of the weights that read them."""
    tolerance: float | None = None
    """Remove as many units as keep the outputs of each network within this relative
    error on observations that are held out, all at once at end, or at begin with the
    schedule one-shot. Then final_sparsity, initial_sparsity, steps and distribution
    have no effect."""
    measure: Limit = "error"
    """What the tolerance limits: the relative error of actions and values, or kl, the
    divergence of the actions' distribution in nats (values stay with their error);
    agents without such a distribution, as of DQN and TD3, refuse it."""
    compensate: bool | None = True
    """Let the units that stay take over what removed units did. Without this, the
    choice makes little sense."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("choice", self.choice, get_args(Choice))
        require_one_of("measure", self.measure, get_args(Limit))
        if self.tolerance is None:
            if self.measure != "error":
                raise ConfigError(
                    f"measure={self.measure!r} needs a tolerance to limit: there is "
                    "none."
                )
            return
        require_finite("tolerance", self.tolerance)
        if not self.tolerance:
            raise ConfigError(f"tolerance must be positive, got {self.tolerance}.")
