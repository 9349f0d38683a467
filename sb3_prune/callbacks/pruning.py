"""PruningCallback: prune between rollouts while ``learn()`` runs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from sb3_prune.callbacks.counts import Counts
from sb3_prune.callbacks.generators import generator_of
from sb3_prune.callbacks.observed import Observed
from sb3_prune.callbacks.parents import require_rollouts
from sb3_prune.callbacks.remarks import Remarks
from sb3_prune.compensation.proposing import carry_out, propose
from sb3_prune.exceptions import (
    ConfigError,
    FewObservationsError,
    require_at_least,
    require_flag,
    require_verbosity,
)
from sb3_prune.plugins.options import entry_of
from sb3_prune.pruning import look_at, make_strategy
from sb3_prune.recording.activations import record_activations
from sb3_prune.strategies.base import AgentView, Strategy, plan_of
from sb3_prune.surgery.masking import mask
from sb3_prune.surgery.weight_masks import mask_weights


class PruningCallback(BaseCallback):
    """Let a strategy change an agent's hidden units while it trains.

    Units change between rollouts. Off-policy, they change right after a rollout.
    On-policy, they change right before the next rollout: the agent first has to learn
    from the last one, whose log-probabilities belong to the old network.

    A strategy that looks at activations waits, with a warning, while there are fewer
    than 20 recent observations, or fewer than a demanded fit needs; what is due stays
    due. An agent for which a callback stops the training stays as it is.

    Logs ``prune/units/<layer>``, and of all layers that can change ``prune/units`` and
    ``prune/sparsity``; ``prune/params_deploy``, ``prune/params_train``; of the last
    compensated cut ``prune/fit_error``, ``prune/fit_observations``, ``prune/kl``,
    ``prune/moved_actions`` and ``prune/moved_values``. Callbacks may be in any order.

    Args:
        strategy: Name of a strategy, or an instance.
        config: Options of the strategy, e.g. ``{"final_sparsity": 0.9}``.
        physical: Whether to remove units from the matrices; False only closes their
            gates.
        verbose: 1 prints every plan that is carried out.
        total_timesteps: Environment steps of the whole training. Give this if the
            training takes several calls of ``learn()`` with
            ``reset_num_timesteps=False``. With None, each call counts as a whole
            training, so every schedule reaches its end at the end of the call.

    Raises:
        UnknownNameError: No plug-in has a strategy of that name.
        ConfigError: An option does not exist or is out of range; or the strategy is to
            compensate cuts, or mixes units, but ``physical`` is False. When training
            starts: the callback is inside of one that does not tell it of rollouts,
            such as ``EveryNTimesteps``.

    Attributes:
        history: Timesteps and units of each layer, at the start and after each change.
        done: Whether the strategy's last event of this training is over.
    """

    def __init__(
        self,
        strategy: str | Strategy = "magnitude",
        config: Mapping[str, Any] | None = None,
        physical: bool = True,
        verbose: int = 0,
        total_timesteps: int | None = None,
    ) -> None:
        super().__init__(verbose)
        require_verbosity(verbose)
        require_flag("physical", physical)
        if total_timesteps is not None:
            require_at_least("total_timesteps", total_timesteps)
        self.total_timesteps = total_timesteps
        self.strategy = make_strategy(strategy, config)
        if self.strategy.compensates and not physical:
            raise ConfigError(
                "compensate=True needs physical=True: a gate that closes leaves the "
                "weights as they are. Set compensate to False."
            )
        if self.strategy.mixes and not physical:
            raise ConfigError(
                f"{self.strategy.name} needs physical=True: a gate closes or opens, it "
                "mixes no units."
            )
        self.physical = physical
        self.history: list[dict[str, Any]] = []
        self.done = False
        self._rng: np.random.Generator | None = None
        self._agent: AgentView
        self._seen = Observed()
        self._counts, self._remarks = Counts(), Remarks()
        self._resumed = False
        self._ended: dict[str, Any] | None = None
        self._pruned: BaseAlgorithm | None = None
        self._rolling = self._running = False
        self._known: list[torch.Size] = []

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as values that JSON can store."""
        return {
            # After training, detach() has reset the state of the strategy itself.
            "strategy": deepcopy(self._ended or self.strategy.state_dict()),
            "history": list(self.history),
            "inputs": self._seen.reservoir.state(),
            "rng": None if self._rng is None else self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, from which the next call of ``learn()`` goes on.

        Raises:
            CheckpointError: A value is missing or has a wrong type.
        """
        history = entry_of(state, "history", list[dict[str, Any]])
        for point in history:
            entry_of(point, "timesteps", int, "the history of a saved state")
            entry_of(point, "units", dict[str, int], "the history of a saved state")
        drawn = entry_of(state, "rng", dict[str, Any] | None)
        rng = self._rng if drawn is None else generator_of(drawn)
        # Version 0.1.0 saved no inputs.
        self._seen.reservoir.load_state(
            entry_of({"inputs": (), **state}, "inputs", list)
        )
        self.strategy.load_state_dict(entry_of(state, "strategy", dict))
        self.history, self._rng, self._resumed = history, rng, True
        self._ended, self._known = None, []

    @property
    def progress(self) -> float:
        """Share of training done, in [0, 1], as SB3 computes it for learning rates.

        With ``reset_num_timesteps=False``, the share is relative to all steps, those of
        earlier calls of ``learn()`` included. A resumed run therefore goes on at its
        place in the schedule.
        """
        total = self.total_timesteps or self.model._total_timesteps
        return min(1.0, self.model.num_timesteps / total) if total else 0.0

    def _on_training_start(self) -> None:
        require_rollouts(self)
        begins = not (self._resumed or self.model.num_timesteps)
        goes_on = self._take_up(begins)
        self.done, self._rolling = False, False
        self._running = True
        if self.total_timesteps is None and not (begins or self._resumed):
            self._remarks.pieces(self.model.num_timesteps, self.progress)
        if self._rng is None or begins:
            self._rng = np.random.default_rng(self.model.seed)
        self._seen.begin(goes_on=goes_on)
        self._counts.fitted = {}
        self._remarks.begin()
        self._look()
        self._counts.can_wait()
        if self._resumed:  # The history already has this point.
            self.history.pop()
            self._resumed = False

    def _take_up(self, begins: bool) -> bool:
        """Let the strategy begin anew, or go on where the last call has ended.

        Returns:
            Whether this is the model of the last call, or of a checkpoint.
        """
        ended, self._ended = self._ended, None
        pruned, self._pruned = self._pruned, self.model
        if self._resumed:
            return True
        broken = self._running  # By an error, which has ended the training before.
        if broken:
            ended = deepcopy(self.strategy.state_dict())
            self.strategy.detach()
        same = pruned is self.model
        if same and begins and self.total_timesteps and not self.done:
            self._remarks.anew(self.total_timesteps)
        goes_on = same and not begins
        if goes_on and (self.total_timesteps or broken) and ended is not None:
            self.strategy.load_state_dict(ended)
        return goes_on

    def _look(self) -> None:
        """Build a new view of the model, whose layers may have been replaced."""
        self._agent = look_at(self.model, self.progress, self._rng)
        self.strategy.attach(self._agent)
        self._seen.look(self.model, self._agent.wiring)
        shapes = self._shapes()
        if self._known and shapes != self._known:
            self._seen.forget_states()
        self._known = shapes
        self._remarks.fixed(self._agent.wiring, self.strategy)
        self._remember()

    def _shapes(self) -> list[torch.Size]:
        layers = self._agent.wiring.values()
        return [slot.tensor.shape for layer in layers for slot in layer.group.slots]

    def _on_rollout_start(self) -> None:
        self._rolling = True
        if isinstance(self.model, OnPolicyAlgorithm):
            self._prune()

    def _on_rollout_end(self) -> None:
        self._rolling = False
        self._log()
        if isinstance(self.model, OnPolicyAlgorithm):
            self._seen.add_rollout(fits=self.strategy.compensates is not False)
        else:
            self._prune()

    def _on_step(self) -> bool:
        require_rollouts(self, told=self._rolling)  # Some only call this method.
        self._log()
        return True

    def _log(self) -> None:
        self._counts.record(self.logger)

    def _on_training_end(self) -> None:
        # No rollout starts after the last event. One that has not ended was stopped by
        # a callback, which wants the agent as it is.
        if isinstance(self.model, OnPolicyAlgorithm) and not self._rolling:
            self._prune()
        self._counts.dump(self.logger, self.num_timesteps)
        self._remarks.end()
        self._ended = deepcopy(self.strategy.state_dict())
        self.strategy.detach()
        self._running = False

    def _prune(self) -> None:
        if self._shapes() != self._known:  # Somebody else has changed units.
            self._look()
        before, known = deepcopy(self.strategy.state_dict()), self._known
        try:
            self._mask_weights()
            agent = replace(self._now(), physical=self.physical)
            self._change(agent)
        except BaseException as error:  # Also Ctrl-C. What was not done stays due.
            if self._shapes() == known:
                self.strategy.load_state_dict(before)
                self.done = False
            if not isinstance(error, FewObservationsError):
                raise
            self._remarks.wait(error)
            self._log()
            return
        self._remarks.waits = False
        self.done = self.strategy.is_over(agent.progress)
        if self.done:
            self.strategy.finish()
        self._log()

    def _now(self) -> AgentView:
        return replace(
            self._agent,
            progress=self.progress,
            activations=self._activations,
            inputs=self._seen.many,
        )

    def _mask_weights(self) -> None:
        """Mask the single weights that the strategy proposes to mask."""
        if masks := self.strategy.propose_masks(self._now()):
            mask_weights(self.model, masks)
            self._look()

    def _activations(self) -> Mapping[str, torch.Tensor]:
        return record_activations(self.model, self._seen.some())

    def _change(self, agent: AgentView) -> None:
        if not self.physical:  # A gate only closes or opens.
            if plan := plan_of(self.strategy, agent):
                mask(self.model, plan)
        elif plan := (found := propose(self.strategy, agent)).plan:
            report = carry_out(agent, found)
            self._remarks.tell(self.logger, found, report)
            self._counts.fitted = report.metrics()
        if plan:
            self._remarks.early(self.model)
            self._look()
            if self.verbose:
                print(f"{self.num_timesteps}: {plan}")

    def _remember(self) -> None:
        units = self._counts.take(self.model, self._agent)
        self.history.append({"timesteps": self.model.num_timesteps, "units": units})
