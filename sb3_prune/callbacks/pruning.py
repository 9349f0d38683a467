"""PruningCallback: prune between rollouts while ``learn()`` runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from sb3_prune.callbacks.generators import generator_of
from sb3_prune.callbacks.observed import Observed
from sb3_prune.compensation.proposing import Proposal, carry_out, propose
from sb3_prune.evaluation.complexity import complexity
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
    from the last one, whose log-probabilities belong to the old network. Every argument
    is a plain scalar, string or mapping, so YAML files of RL Zoo can build the
    callback.

    A strategy that looks at activations waits, with a warning, while the agent has
    fewer than 20 recent observations. What is due then stays due.

    Logs ``prune/units/<layer>``, ``prune/units``, ``prune/sparsity``,
    ``prune/params_deploy``, ``prune/params_train``; of the last compensated cut
    ``prune/fit_error``, ``prune/fit_observations``, ``prune/moved_actions``,
    ``prune/moved_values`` and ``prune/kl``. A dump empties the logger: behind callbacks
    that dump it, such as ``EvalCallback``, this one records for SB3's dumps as well.

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
            compensate cuts, or mixes units, but ``physical`` is False.

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
        self._metrics: dict[str, float] = {}
        self._fitted: dict[str, float] = {}
        self._undumped = self._recorded = False
        self._resumed = False
        self._warned: set[str] = set()
        self._warned_of_pieces = False
        self._ended: dict[str, Any] | None = None
        self._waits = False

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as values that JSON can store."""
        return {
            # After training, detach() has reset the state of the strategy itself.
            "strategy": self._ended or self.strategy.state_dict(),
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

    @property
    def progress(self) -> float:
        """Share of training done, in [0, 1], as SB3 computes it for learning rates.

        With ``reset_num_timesteps=False``, the share is relative to all steps, those of
        earlier calls of ``learn()`` included. A resumed run therefore goes on at its
        place in the schedule.
        """
        total = self.total_timesteps or self.model._total_timesteps
        return min(1.0, self.model.num_timesteps / total)

    def _on_training_start(self) -> None:
        begins = not (self._resumed or self.model.num_timesteps)
        self.done = False
        if self.total_timesteps is None and not (begins or self._resumed):
            self._warn_of_pieces()
        if self._rng is None or begins:
            self._rng = np.random.default_rng(self.model.seed)
        self._seen.begin(resumed=self._resumed)
        self._ended, self._waits, self._fitted = None, False, {}
        self._warned.clear()
        self._look()
        self._undumped = False  # Counts without a cut can wait for SB3's dumps.
        if self._resumed:  # The history already has this point.
            self.history.pop()
            self._resumed = False

    def _warn_of_pieces(self) -> None:
        if self._warned_of_pieces:
            return
        self._warned_of_pieces = True
        warnings.warn(
            f"learn() goes on from step {self.model.num_timesteps}, so schedules of "
            f"pruning begin at {self.progress:.0%} and end with this call. If the "
            "training takes several calls, pass total_timesteps to PruningCallback: "
            "the steps of all calls. For a schedule of its own, let learn() reset the "
            "number of steps.",
            stacklevel=2,
        )

    def _look(self) -> None:
        """Build a new view of the model, whose layers may have been replaced."""
        self._agent = look_at(self.model, self.progress, self._rng)
        self.strategy.attach(self._agent)
        self._seen.look(self.model, self._agent.wiring)
        self._remember()

    def _on_rollout_start(self) -> None:
        if isinstance(self.model, OnPolicyAlgorithm):
            self._prune()

    def _on_rollout_end(self) -> None:
        self._log()
        if isinstance(self.model, OnPolicyAlgorithm):
            self._seen.add_rollout(fits=self.strategy.compensates is not False)
        else:
            self._prune()

    def _on_step(self) -> bool:
        self._log()
        return True

    def _log(self) -> None:
        """Record the counts again: each dump of the logger empties its values."""
        if self._recorded and "prune/units" not in self.logger.name_to_value:
            self._undumped = False
        self._recorded = True
        for name, value in (self._metrics | self._fitted).items():
            self.logger.record(name, value)

    def _on_training_end(self) -> None:
        if isinstance(self.model, OnPolicyAlgorithm):
            self._prune()  # No rollout starts after the last event.
        self._log()
        if self._undumped:  # SB3 logs no more.
            steps, name = self.num_timesteps, "time/total_timesteps"
            self.logger.record(name, steps, exclude="tensorboard")
            self.logger.dump(steps)
            self._log()  # For what other callbacks dump now.
        if self._waits:
            warnings.warn(
                "The training has ended before there were enough observations: what "
                "was due last was not pruned.",
                stacklevel=2,
            )
        self._ended = self.strategy.state_dict()
        self.strategy.detach()

    def _prune(self) -> None:
        try:
            self._mask_weights()
            agent = self._now()
            if self.physical:
                found = propose(self.strategy, agent)
            else:  # A gate only closes or opens.
                found = Proposal(plan=plan_of(self.strategy, agent))
        except FewObservationsError as error:  # What is due stays due.
            self._wait(error)
            return
        self._waits = False
        if found.plan:
            self._carry_out(agent, found)
        self.done = self.strategy.is_over(agent.progress)
        self._log()

    def _wait(self, error: FewObservationsError) -> None:
        if not self._waits:
            warnings.warn(f"Pruning waits for more observations. {error}", stacklevel=2)
        self._waits, self.done = True, False
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
        masks = self.strategy.propose_masks(self._now())
        if masks:
            mask_weights(self.model, masks)
            self._look()

    def _activations(self) -> Mapping[str, torch.Tensor]:
        return record_activations(self.model, self._seen.some())

    def _carry_out(self, agent: AgentView, found: Proposal) -> None:
        if self.physical:
            report = carry_out(agent, found)
            for remark in report.remarks():
                self._warn(remark)
            self._fitted = report.metrics()
        else:
            mask(self.model, found.plan)
        if isinstance(self.model.policy, RecurrentActorCriticPolicy):
            self._seen.reservoir.clear()  # Its LSTM states may have another width now.
        self._look()
        if self.verbose:
            print(f"{self.num_timesteps}: {found.plan}")

    def _warn(self, remark: str) -> None:
        """Log a remark, but only once per training."""
        if remark not in self._warned:
            self._warned.add(remark)
            self.logger.warn(remark)

    def _remember(self) -> None:
        """Keep the counts, because the logger forgets its values at each dump."""
        units = self._agent.wiring.active_units()
        count = complexity(self.model)
        initial = sum(self._agent.initial_units.values())
        self._undumped, self._recorded = True, False
        self.history.append({"timesteps": self.model.num_timesteps, "units": units})
        self._metrics = {f"prune/units/{name}": n for name, n in units.items()} | {
            "prune/units": count.units,
            "prune/sparsity": 1 - count.units / initial,
            "prune/params_deploy": count.params_deploy,
            "prune/params_train": count.params_train,
        }
