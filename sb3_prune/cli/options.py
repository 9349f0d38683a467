"""Options that several commands have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.folder import check_free


@dataclass(frozen=True, kw_only=True)
class SavedAgentOptions:
    """Which saved agent."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL.ZIP")]
    """Zip of SB3 or sb3-prune. SB3 unpickles it: load only what you trust."""
    algo: str | None = None
    """Algorithm that saved the zip; found in the zip if not given."""


@dataclass(frozen=True, kw_only=True)
class EnvOptions:
    """Which environment."""

    env: str
    """Gymnasium id, e.g. Pendulum-v1; with a module to import, module:id."""
    env_kwargs: tuple[str, ...] = ()
    """Arguments of the environment, KEY=VALUE or JSON, e.g. goals=full."""
    seed: int = 0
    """Seed of the agent and of its environments."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(EnvOptions):
    """How to train, and where the results go."""

    out: Path
    """Run folder; it must not exist."""
    overwrite: bool = False
    """Replace the run in the folder."""
    timesteps: int = 20_000
    """Environment steps to train for."""
    strategy: str = "magnitude"
    """How to prune: a name that `sb3-prune strategies` lists."""
    masks_only: bool = False
    """Only close the gates of units while training; plain.zip is small all the same."""
    n_envs: int = 1
    """Environments to train in at once."""
    learning_rate: float | None = None
    """Learning rate; that of the algorithm or the zip if not given."""
    algo_kwargs: tuple[str, ...] = ()
    """Other arguments of the algorithm, KEY=VALUE or JSON, e.g. batch_size=128."""
    eval_every: int | None = None
    """Environment steps between two tests; a tenth of all if not given."""
    eval_episodes: int = 10
    """Episodes of each test; 0 tests never."""
    no_verify: bool = False
    """Do not load plain.zip in a fresh process without sb3-prune to compare actions."""
    progress: Literal["auto", "on", "off"] = "auto"
    """Progress bar; auto shows it on terminals."""
    device: str = "cpu"
    """Device of torch; small networks are fastest on the CPU."""
    threads: int = 1
    """Threads of torch."""

    def check(self) -> None:
        """Check what needs neither environment nor agent.

        Raises:
            ConfigError: A value is out of range.
            RunFolderError: The folder exists.
        """
        for name in ("timesteps", "n_envs", "threads", "eval_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise _bad(name, "at least 1", value)
        if self.eval_episodes < 0:
            raise _bad("eval_episodes", "at least 0", self.eval_episodes)
        if not 0 <= self.seed < 2**32:
            raise _bad("seed", "in [0, 2**32)", self.seed)
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise _bad("learning_rate", "positive", self.learning_rate)
        try:
            torch.device(self.device)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"--device {self.device}: {reason}") from None
        check_free(self.out, overwrite=self.overwrite)


def _bad(name: str, wanted: str, value: object) -> ConfigError:
    flag = name.replace("_", "-")
    return ConfigError(f"--{flag} must be {wanted}, got {value}.")
