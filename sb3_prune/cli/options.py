"""Options that several commands have."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import tyro

from sb3_prune.cli.parsing import flag
from sb3_prune.exceptions import ConfigError, require_at_least, require_seed
from sb3_prune.seeds import TEST_SEED

ALGORITHMS = (
    "dqn",
    "qrdqn",
    "branching-dqn",
    "sac",
    "value-sac",
    "td3",
    "ddpg",
    "tqc",
    "crossq",
    "ppo",
    "a2c",
    "trpo",
    "maskable-ppo",
    "recurrent-ppo",
)
"""Names of all algorithms."""
Kind = Literal["auto", "mlp", "ofexi"]
"""Value of ``--policy``."""
MOST_THREADS = 1024
"""Largest number of threads; torch starts all of them."""
MOST_ENVS = 2**16
"""Largest number of environments; all of them are made."""


@dataclass(frozen=True, kw_only=True)
class SavedAgentOptions:
    """Options that choose a saved agent."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL.ZIP")]
    """Zip of SB3 or sb3-prune. SB3 unpickles it: load only zips you trust."""
    algo: str | None = None
    """Algorithm that saved the zip; if not given, it is read from the zip."""


@dataclass(frozen=True, kw_only=True)
class EnvOptions:
    """Options that choose an environment."""

    env: str | None = None
    """Gymnasium id, or module:id to import a module first; else that of the folder."""
    env_kwargs: tuple[str, ...] = ()
    """Arguments of the environment, KEY=VALUE or JSON, e.g. goals=full."""
    seed: int = 0
    """Seed of the agent and of its environments."""


@dataclass(frozen=True, kw_only=True)
class PlayOptions(EnvOptions):
    """Options that choose an environment for a saved agent."""

    vecnormalize: Path | None = None
    """Statistics of VecNormalize, a pickle, too, or none; if not given, those of the
    folder."""


@dataclass(frozen=True, kw_only=True)
class WatchOptions(PlayOptions):
    """Options that choose an environment for a saved agent that only plays."""

    seed: int = TEST_SEED
    """Seed of the environments, by default that of the tests in a run with seed 0."""


@dataclass(frozen=True, kw_only=True)
class NewAgentOptions:
    """Options that describe a new agent."""

    algo: Annotated[str, tyro.conf.arg(help=f"One of {', '.join(ALGORITHMS)}.")]
    """Algorithm."""
    policy: Kind = "auto"
    """Networks that suit the observations, MLPs, or ones on learnt features (ofexi)."""
    ofe: tuple[str, ...] = ()
    """Options of the OFEXiNet, KEY=VALUE or JSON, e.g. blocks=8 units=128."""
    net_arch: tuple[int, ...] = ()
    """Initial units of the hidden layers, e.g. 256 256; SB3's default if not given."""
    action_noise: float | None = None
    """Standard deviation of noise on actions; td3 and ddpg need it to explore."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(EnvOptions):
    """Options for training, and for the folder of the results."""

    least_timesteps: ClassVar[int] = 1
    """Smallest number of environment steps to train for."""
    least_envs: ClassVar[int] = 1
    """Smallest number of environments."""

    out: Path
    """Run folder to create; it must not exist."""
    label: str | None = None
    """Name of the runs of one kind, such as other seeds, in `sb3-prune compare`."""
    overwrite: bool = False
    """Replace an older run in the folder."""
    timesteps: int = 20_000
    """Environment steps to train for."""
    n_envs: int = 1
    """Number of environments to train in at once."""
    learning_rate: float | None = None
    """Learning rate; if not given, the algorithm's default or that of the zip."""
    algo_kwargs: tuple[str, ...] = ()
    """Other arguments of the algorithm, KEY=VALUE or JSON, e.g. batch_size=128."""
    eval_every: int | None = None
    """Environment steps between evaluations; a tenth of --timesteps if not given."""
    eval_episodes: int = 10
    """Episodes of each evaluation; 0 turns evaluations off."""
    no_verify: bool = False
    """Do not verify that plain.zip loads without sb3-prune and acts equally."""
    progress: Literal["auto", "on", "off"] = "auto"
    """Progress bar; auto shows it only on a terminal."""
    device: str = "cpu"
    """Device of torch, or auto; small networks are fastest on the CPU."""
    threads: int = 1
    """Number of threads of torch."""

    def check(self) -> None:
        """Check the options that can be checked without environment and agent.

        Raises:
            ConfigError: A value is out of range.
            RunFolderError: A run cannot be written to the folder.
        """
        self.check_numbers()
        from sb3_prune.runs.folder import check_free  # noqa: PLC0415  # Takes seconds.

        _check_device(self.device)
        check_free(self.out, overwrite=self.overwrite)

    def check_numbers(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: One is out of range.
        """
        least = {
            "timesteps": self.least_timesteps,
            "n_envs": self.least_envs,
            "threads": 1,
        }
        for name, smallest in {**least, "eval_every": 1, "eval_episodes": 0}.items():
            if getattr(self, name) is not None:
                require_at_least(flag(name), getattr(self, name), smallest)
        for name, most in {"threads": MOST_THREADS, "n_envs": MOST_ENVS}.items():
            if getattr(self, name) > most:
                raise _bad(name, f"at most {most}", getattr(self, name))
        require_seed("--seed", self.seed)
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise _bad("learning_rate", "positive and finite", self.learning_rate)


@dataclass(frozen=True, kw_only=True)
class TrainingOnOptions(TrainingOptions):
    """Training of an agent from a zip."""

    least_timesteps: ClassVar[int] = 0
    least_envs: ClassVar[int] = 0

    n_envs: int = 0
    """Number of environments to act in at once; with 0 as many as the zip had."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(TrainingOptions):
    """Options for training while a strategy prunes."""

    strategy: str = "magnitude"
    """How to prune: a name that `sb3-prune strategies` lists."""
    masks_only: bool = False
    """Only close gates during training; units are removed in plain.zip alone."""
    keep_best: bool = False
    """Also keep, in the folder `best`, the best evaluated one of the agents that have
    lost all their units. Let pruning end before training does (--end)."""

    def check_numbers(self) -> None:
        """Check the numbers, and that there is what to keep the best of.

        Raises:
            ConfigError: One is out of range, or --keep-best has no evaluations.
        """
        super().check_numbers()
        if self.keep_best and not (self.eval_episodes and self.timesteps):
            raise ConfigError("--keep-best needs training, and evaluations.")


def _check_device(name: str) -> None:
    """Check that a device can compute and that zips for it can be loaded."""
    import torch  # noqa: PLC0415  # Takes seconds, as SB3 does.
    from stable_baselines3.common.utils import get_device  # noqa: PLC0415

    try:
        device = get_device() if name == "auto" else name
        one = torch.ones(1, device=device)
        (one + one).item()
        stream = io.BytesIO()
        torch.save(one, stream)
        stream.seek(0)
        torch.load(stream, map_location=device)
    except Exception as error:  # Each kind of device fails in its own way.
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--device {name} cannot be used: {reason}") from None


def _bad(name: str, wanted: str, value: object) -> ConfigError:
    return ConfigError(f"{flag(name)} must be {wanted}, got {value}.")
