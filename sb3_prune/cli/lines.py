"""Lines: the options of every command, read before what takes seconds is imported.

Nothing here imports torch, so that a mistake in typing is answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from sb3_prune.cli.folders import CardOptions, CompareOptions, ReportOptions
from sb3_prune.cli.options import (
    NewAgentOptions,
    PlayOptions,
    RunOptions,
    SavedAgentOptions,
    TrainingOnOptions,
    WatchOptions,
)
from sb3_prune.cli.parsing import flag, parse
from sb3_prune.cli.seeds import ScreenOptions
from sb3_prune.cli.typos import refuse_typos
from sb3_prune.exceptions import ConfigError, require_at_least

Rule = Literal["mean", "copy", "pessimistic", "zero", "fresh", "rare", "uniform"]
"""Value of ``--rule``."""
Removed = Literal["zero", "mean"]
"""Value of ``--removed``."""
Repeated = Literal["copy", "share"]
"""Value of ``--repeated``."""
States = Literal["greedy", "stochastic", "both"]
"""Value of ``--play-states``."""

AT_ONCE = ("play_episodes", "play_states", "play_rounds", "distil_updates")
"""Options of `prune` that only count with --timesteps 0."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions, NewAgentOptions):
    """Train an agent and prune it during training.

    The options of the strategy depend on --strategy; --strategy none trains without
    pruning, for comparison.
    """

    env: str = field()
    """Gymnasium id, e.g. Pendulum-v1; module:id imports a module first."""


@dataclass(frozen=True, kw_only=True)
class PruneOptions(TrainingOnOptions, RunOptions, PlayOptions, SavedAgentOptions):
    """Prune an agent that is already trained, at once or while it trains on.

    With --timesteps 0 the agent only plays a few episodes and is pruned at once, to the
    strategy's final state. The zip may be from stock SB3 or from sb3-prune; it is not
    changed. A zip has no replay buffer: off-policy agents start with an empty one, and
    with learning_starts random steps, in which they learn nothing (--algo-kwargs). The
    options of the strategy depend on --strategy.
    """

    timesteps: int = 20_000
    """Environment steps to train for; with 0 the agent is pruned at once."""
    play_episodes: int = 10
    """With --timesteps 0: episodes that the agent plays for its observations."""
    play_states: States = "both"
    """With --timesteps 0: how it acts in them; both plays all of them twice."""
    play_rounds: int = 0
    """With --timesteps 0: further rounds, in each of which the pruned agent plays and
    the dense one is pruned anew on all states so far. The best round is kept."""
    distil_updates: int = 0
    """With --timesteps 0: gradient steps after the cut that train the pruned networks
    to answer as the dense ones did."""

    def check(self) -> None:
        """Check the options that can be checked without environment and agent.

        Raises:
            ConfigError: A value is out of range.
            RunFolderError: A run cannot be written to the folder.
        """
        super().check()
        require_at_least("--play-episodes", self.play_episodes)
        require_at_least("--play-rounds", self.play_rounds, 0)
        require_at_least("--distil-updates", self.distil_updates, 0)
        if self.timesteps and (given := self._changed(AT_ONCE)):
            raise ConfigError(
                f"{' and '.join(given)} need --timesteps 0, got {self.timesteps}: an "
                "agent that trains on learns by itself, from what it sees there."
            )
        if self.masks_only and not self.timesteps:
            raise ConfigError("--masks-only needs training, so --timesteps above 0.")

    def _changed(self, names: Sequence[str]) -> list[str]:
        """Return the flags of options that are not as if they had not been given."""
        usual = {f.name: f.default for f in fields(self)}
        return [flag(name) for name in names if getattr(self, name) != usual[name]]


@dataclass(frozen=True, kw_only=True)
class ScratchOptions(TrainingOnOptions, PlayOptions, SavedAgentOptions):
    """Train a small dense agent from scratch, as small as a pruned one.

    It has the hyperparameters of the zip and the widths that pruning left, and begins
    with fresh weights; statistics of VecNormalize begin anew, too. If it comes as far
    as the pruned agent, pruning was not needed: see `sb3-prune compare`.
    """

    timesteps: int = 0
    """Environment steps to train for; with 0 as many as the zip has trained for."""


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(WatchOptions, SavedAgentOptions):
    """Measure return, success, size and speed of a saved agent, stock or pruned."""

    episodes: int = 100
    """Number of greedy episodes."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class CompactOptions(SavedAgentOptions):
    """Turn a pruned agent into a zip that loads where sb3-prune is not installed."""

    out: Path
    """Zip to write; it must not exist."""
    overwrite: bool = False
    """Replace the file if it exists."""
    verify: bool = False
    """Load the zip in a new process without sb3-prune, and compare actions."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(SavedAgentOptions):
    """Write an agent's whole decision as a file that needs no Stable-Baselines3.

    From the raw observation to the greedy action. The export is compared with the agent
    on at least 1,000 observations before the file appears; with --env also on those of
    episodes.
    """

    to: str = field()
    """What to write: a name of an exporter, such as numpy, onnx or c."""
    vecnormalize: str | None = None
    """Statistics of VecNormalize, a pickle, too, or none; one of them must be said."""
    out: Path | None = None
    """File or folder to write; beside the zip if not given."""
    env: str | None = None
    """Gymnasium id, or module:id; without one, no episodes are compared."""
    env_kwargs: tuple[str, ...] = ()
    """Arguments of the environment, KEY=VALUE or JSON, e.g. goals=full."""
    seed: int | None = None
    """Seed of the environment; 0 if not given."""
    outputs: tuple[str, ...] = ()
    """What to give besides the action: distribution, value."""
    option: tuple[str, ...] = ()
    """Options of the exporter, KEY=VALUE or JSON, e.g. opset=20."""
    overwrite: bool = False
    """Replace an older export."""


@dataclass(frozen=True, kw_only=True)
class TransplantOptions(PlayOptions, SavedAgentOptions):
    """Carry a trained agent into other observations, other actions or a bigger net.

    Prints what is carried over, and how far the outputs for old actions move. A zip has
    no replay buffer: without --replay-buffer, rules for new actions look at random
    observations.

    Observations and actions have IDs: names that --show-ids lists, or indices. A map is
    a list with one old ID or `new` for each new entry, such as 0 1 new 2; or pairs
    NEW=OLD and NEW=new, such as spin=new, where all others stay by name; or the word
    `names`, if all stay by name.
    """

    out: Path | None = None
    """Zip to write; statistics of VecNormalize and a replay buffer go beside it."""
    dry_run: bool = False
    """Write nothing, only print."""
    show_ids: bool = False
    """Write nothing, only list the IDs of old and new observations and actions."""
    overwrite: bool = False
    """Replace the files if they exist."""
    old_env: str | None = None
    """Environment of the old agent, for names; if not given, that of the folder."""
    observations: tuple[str, ...] = ()
    """Map of the observations, e.g. 0 1 new 2, or sin3=new cos3=new."""
    actions: tuple[str, ...] = ()
    """Map of the actions, in the same form."""
    map: Path | None = None
    """JSON or YAML file with both: lists of IDs and null, or objects of pairs."""
    replay_buffer: Path | None = None
    """Replay buffer of the old agent, a pickle, too: load only files you trust."""
    net_arch: tuple[int, ...] = ()
    """Units of the hidden layers; as they are if not given."""
    rule: Rule | None = None
    """What new actions begin with; by default values are pessimistic, choices and
    switches rare, and new dimensions zero."""
    of: str | None = None
    """With --rule copy: ID of the old action; the first one if not given."""
    removed: Removed = "zero"
    """What a removed observation counts as: 0, or its mean on sample states."""
    repeated: Repeated = "copy"
    """Whether new observations that are the same old one count once each (copy), or
    share its weights (share)."""
    play: int = 0
    """Steps of random actions in the new environment, to get sample states; with 0 they
    come from the replay buffer, or are drawn from the space if there is none."""
    probability: float | None = None
    """With --rule rare: probability of all new actions together; 0.05 if not given."""


@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions(WatchOptions, SavedAgentOptions):
    """Analyse the hidden units of a saved agent, stock or pruned.

    The agent plays greedily while the activations of all hidden units are recorded.
    Each analysis of the installed plug-ins draws a picture of the recording;
    analysis.json has the numbers.
    """

    episodes: int = 500
    """Number of greedy episodes."""
    analysis: str = ""
    """Analyses to run, e.g. distances,dormancy; all installed ones if not given."""
    compare_random: bool = False
    """Show the agent beside a random network of the same shape."""
    out: Path | None = None
    """Folder to create; `analysis` beside the zip if not given."""
    overwrite: bool = False
    """Replace older results in the folder."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class StrategiesOptions:
    """List the pruning strategies: name, summary, reference, options and defaults."""

    json: bool = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class PluginsOptions:
    """List the plug-ins: name, origin, status and registered classes."""

    json: bool = False
    """Print JSON."""


LINES: Mapping[str, type[Any]] = {
    "train": TrainOptions,
    "prune": PruneOptions,
    "scratch": ScratchOptions,
    "evaluate": EvaluateOptions,
    "compare": CompareOptions,
    "report": ReportOptions,
    "card": CardOptions,
    "compact": CompactOptions,
    "export": ExportOptions,
    "transplant": TransplantOptions,
    "analyze": AnalyzeOptions,
    "screen": ScreenOptions,
    "strategies": StrategiesOptions,
    "plugins": PluginsOptions,
}
"""Name of every command of ours -> its options."""


def check(command: str, arguments: Sequence[str]) -> None:
    """Check the arguments of a command, if nothing has to be imported for it.

    Strategies have options of their own, so these and the help that lists them wait.

    Raises:
        UsageError: The arguments do not fit.
        SystemExit: ``--help`` was given, and the help was printed.
    """
    options = LINES[command]
    own = {flag(option.name) for option in fields(options)}
    given = {each.partition("=")[0] for each in arguments if each.startswith("-")}
    if given <= own or not issubclass(options, RunOptions):
        parse(options, arguments, command)
    else:
        refuse_typos(given, own, command)
