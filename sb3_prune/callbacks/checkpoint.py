"""ResumableCheckpointCallback: save between rollouts what a killed run needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from stable_baselines3.common.callbacks import BaseCallback

from sb3_prune.exceptions import CheckpointError, ConfigError
from sb3_prune.runs import checkpoints


class Stateful(Protocol):
    """What can be saved and go on, such as a :class:`PruningCallback`."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return what a resumed run needs, JSON-able."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> object:
        """Go on from a saved state."""


class ResumableCheckpointCallback(BaseCallback):
    """Save checkpoints that a run killed at any moment resumes from.

    Unlike SB3's ``CheckpointCallback`` it saves the replay buffer, every random
    generator and the callbacks' states too, and a checkpoint is whole or absent. It
    saves between rollouts, when nothing is half done, and at the end of training.
    Put it last in the list of callbacks, so that the others are done when it saves::

        pruning = PruningCallback("magnitude")
        saving = ResumableCheckpointCallback(folder, 10_000, {"pruning": pruning})
        if checkpoints.latest(folder):
            model, states = checkpoints.load(SAC, folder, env)
            saving.restore(states)
        else:
            model = SAC(MaskedSACPolicy, env)
        left = total - model.num_timesteps
        model.learn(left, [pruning, saving], reset_num_timesteps=False)

    The environment's state is not saved: the episode that the checkpoint fell into is
    not finished, a new one begins.

    Args:
        folder: Folder of this run's checkpoints.
        every: Environment steps between two checkpoints, at least; a rollout that has
            begun is finished first.
        states: What has a state besides the model, by name.
        keep: Number of checkpoints to keep.
        verbose: 1 prints every checkpoint.

    Raises:
        ConfigError: ``every`` or ``keep`` is less than 1.
    """

    def __init__(
        self,
        folder: str | Path,
        every: int = 10_000,
        states: Mapping[str, Stateful] | None = None,
        keep: int = 1,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        if every < 1:
            raise ConfigError(f"every must be at least 1, got {every}.")
        checkpoints.require_keep(keep)
        self.folder = Path(folder)
        self.every = every
        self.states = dict(states or {})
        self.keep = keep
        self._saved = 0

    def restore(self, states: Mapping[str, Any]) -> None:
        """Hand the states of a loaded checkpoint to what they are of.

        Args:
            states: What :func:`sb3_prune.runs.checkpoints.load` returned.

        Raises:
            CheckpointError: They are of other things than ``states`` of this callback.
        """
        if states.keys() != self.states.keys():
            raise CheckpointError(
                f"The checkpoint has the states {_listing(states)}, this run "
                f"{_listing(self.states)}: expected the same."
            )
        for name, item in self.states.items():
            item.load_state_dict(states[name])

    def _on_training_start(self) -> None:
        checkpoints.check(self.model, self.folder, self._states())
        self._saved = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps - self._saved >= self.every:
            self._save()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if self.model.num_timesteps > self._saved:
            self._save()

    def _states(self) -> dict[str, Any]:
        return {name: item.state_dict() for name, item in self.states.items()}

    def _save(self) -> None:
        path = checkpoints.save(self.model, self.folder, self._states(), keep=self.keep)
        self._saved = self.model.num_timesteps
        if self.verbose:
            print(f"Checkpoint: {path}")


def _listing(names: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, sorted(names))) or "(none)"
