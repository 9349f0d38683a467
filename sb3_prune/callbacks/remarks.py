"""Remarks: what a callback that prunes says, each of it once per training."""

from __future__ import annotations

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger

from sb3_prune.compensation.proposing import Proposal, PruneReport
from sb3_prune.exceptions import FewObservationsError
from sb3_prune.strategies.base import Strategy
from sb3_prune.surgery.wiring import Wiring
from sb3_prune.warning import warn


class Remarks:
    """Remembers what was said already.

    Attributes:
        waits: Whether a strategy waits for more observations.
    """

    def __init__(self) -> None:
        self.waits = self._lacked = False
        self._logged: set[str] = set()
        self._fixed: set[str] = set()
        self._of_pieces = self._early = False

    def begin(self) -> None:
        """Forget what was said in the training before."""
        self.waits = self._lacked = self._early = False
        self._logged.clear()
        self._fixed.clear()

    def tell(self, logger: Logger, made: Proposal, report: PruneReport) -> None:
        """Log the remarks on a change; warn if fits lacked something."""
        for remark in report.remarks():
            if remark not in self._logged:
                self._logged.add(remark)
                logger.warn(remark)
        if made.missing and not self._lacked:
            self._lacked = True
            text = made.plain[:1].upper() + made.plain[1:]
            warn(
                f"{text} This costs more return. Set compensate to False if it is "
                "meant."
            )

    def fixed(self, wiring: Wiring, strategy: Strategy) -> None:
        """Warn of the layers whose units cannot change, in networks that are pruned."""
        networks = getattr(strategy.config, "networks", ())
        inside = tuple(f"{network}." for network in networks) or ("",)
        chosen = getattr(strategy, "chosen", lambda all_of: all_of.by_network())
        left = wiring.by_network().keys() - chosen(wiring).keys()
        outside = tuple(f"{network}." for network in left)
        found = {
            name: why
            for name, why in wiring.fixed.items()
            if name.startswith(inside) and not name.startswith(outside)
        }
        if new := [f"{n}: {why}" for n, why in found.items() if n not in self._fixed]:
            warn(
                "Layers that cannot be pruned, and that prune/units and prune/sparsity "
                f"do not count: {'; '.join(new)}. Name other networks by the option "
                "networks if they are meant to stay."
            )
        self._fixed |= found.keys()

    def early(self, model: BaseAlgorithm) -> None:
        """Warn that units go before the agent has learnt anything in this training."""
        starts: int | None = getattr(model, "learning_starts", None)
        if starts is None or model.num_timesteps > starts or self._early:
            return
        self._early = True
        warn(
            f"Units are cut at step {model.num_timesteps:,}, but the agent learns only "
            f"after step {starts:,}. Let the strategy begin later, or give the "
            "algorithm smaller learning_starts."
        )

    def wait(self, error: FewObservationsError) -> None:
        """Warn that pruning waits for more observations."""
        if not self.waits:
            warn(f"Pruning waits for more observations. {error}")
        self.waits = True

    def end(self) -> None:
        """Warn that something was due until the end, if that is so."""
        if self.waits:
            warn(
                "The training has ended before there were enough observations: what "
                "was due last was not pruned."
            )

    def pieces(self, steps: int, progress: float) -> None:
        """Warn that a training seems to be in pieces, whose schedules are apart."""
        if self._of_pieces:
            return
        self._of_pieces = True
        warn(
            f"learn() goes on from step {steps}. This call counts as a training that "
            f"is {progress:.0%} done and ends with the call, whatever earlier calls "
            "have pruned. If the training takes several calls, pass total_timesteps to "
            "PruningCallback: the steps of all calls. For a schedule of its own, call "
            "learn() with reset_num_timesteps=True."
        )

    def anew(self, total: int) -> None:
        """Warn that a training begins again whose schedules have not ended."""
        warn(
            f"learn() begins at step 0 again, so the schedules of the {total:,} steps "
            "that total_timesteps tells begin again, too, before they have ended. If "
            "this call goes on with the training, give it reset_num_timesteps=False."
        )
