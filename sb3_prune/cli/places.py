"""Places: find the environment of a saved agent in the folder where its zip lies."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sb3_prune.cli.environments import EnvMaker, find_env
from sb3_prune.cli.options import PlayOptions, WatchOptions
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.surroundings import NOTHING, Surroundings
from sb3_prune.cli.zips import SavedAgent
from sb3_prune.cli.zoo import find_zoo, read_zoo
from sb3_prune.exceptions import ConfigError, RunFolderError
from sb3_prune.recording.normalisation import check_seen
from sb3_prune.runs.folder import CONFIG, STATISTICS, config_of
from sb3_prune.runs.pickles import read_statistics
from sb3_prune.runs.strict import restored
from sb3_prune.warning import warn

OURS = "sb3_prune/"
"""Beginning of the ids of planar arms."""
CHECKPOINT = re.compile(r"(?P<prefix>.+)_(?P<steps>\d+_steps)")
"""Name of a zip that SB3's ``CheckpointCallback`` saves."""
RAW = Path("none")
"""Value of ``--vecnormalize`` for observations as they are."""


def maker_for(saved: SavedAgent, options: PlayOptions) -> EnvMaker:
    """Return a maker of environments in which a saved agent is at home.

    What the options do not say is taken from the folder where the zip lies: one of RL
    Zoo or of this command. Its arguments of the environment count unless ``--env``
    names another environment.

    Raises:
        ConfigError: Nobody names the environment, or the folder cannot be read.
        UnknownNameError: There is no such environment.
    """
    around = _around(saved, options)
    _check_seen(saved, around.statistics)
    return _maker(saved, options, around, _acts_in(saved))


def new_maker_for(saved: SavedAgent, options: PlayOptions) -> EnvMaker:
    """Return a maker of environments that a saved agent is to be carried into.

    They may have other observations and actions than the agent. They are wrapped as
    those of the agent, but statistics of ``VecNormalize`` begin anew.

    Raises:
        ConfigError: Nobody names the environment, or the folder cannot be read.
        UnknownNameError: There is no such environment.
    """
    around = _around(saved, options)
    kind = type(saved.data["action_space"])
    anew = replace(around, anew=True)
    return _maker(saved, options, anew, lambda space: type(space) is kind)


def old_maker_for(saved: SavedAgent, env_id: str | None) -> EnvMaker | None:
    """Return a maker of the environment that a saved agent was trained in.

    Args:
        saved: The agent.
        env_id: Id of the environment; None asks the folder where the zip lies.

    Returns:
        The maker, whose environments are not normalised; None if nobody knows.

    Raises:
        SB3PruneError: The environment cannot be made.
    """
    around = replace(find_surroundings(saved.path), statistics=None)
    found = env_id or around.env
    if found is None:
        return None
    kwargs = _kwargs(found.rpartition(":")[2], around)
    return find_env(found, kwargs, _acts_in(saved), around)


def _acts_in(saved: SavedAgent) -> Callable[[Any], bool]:
    return lambda space: bool(space == saved.data["action_space"])


def _maker(
    saved: SavedAgent,
    options: PlayOptions,
    around: Surroundings,
    accepts: Callable[[Any], bool],
) -> EnvMaker:
    env_id = options.env or around.env
    if env_id is None:
        raise ConfigError(
            f"--env is missing, and nothing beside '{saved.path}' names an environment."
        )
    kwargs = _kwargs(env_id.rpartition(":")[2], around)
    given = parse_pairs("--env-kwargs", options.env_kwargs)
    return find_env(env_id, kwargs | given, accepts, around)


def announce(maker: EnvMaker, options: PlayOptions) -> None:
    """Say in one line on stderr what was found in the folder of the zip, if anything.

    Called once nothing can be refused any more, so that a mistake is one line.
    """
    around = maker.around
    given = parse_pairs("--env-kwargs", options.env_kwargs)
    kwargs = _kwargs(maker.spec.id, around)
    found = [] if options.env else [f"environment {maker.spec.id}"]
    found += [f"{name}={value}" for name, value in kwargs.items() if name not in given]
    shown = replace(around, statistics=None) if options.vecnormalize else around
    found += shown.lines()
    if around.source is not None and found:
        print(f"sb3-prune: from {around.source}: {', '.join(found)}", file=sys.stderr)


def warn_of_repeats(
    saved: SavedAgent, maker: EnvMaker, options: WatchOptions, n_envs: int
) -> None:
    """Warn if episodes begin as those of the training did: with the same seed.

    Environments side by side have seeds that follow one another.

    Args:
        saved: The agent.
        maker: Maker of the environments that it plays in.
        options: The options, with the seed of the first of these environments.
        n_envs: Number of these environments.
    """
    first, trained = saved.data.get("seed"), saved.data.get("n_envs", 1)
    if not isinstance(first, int) or maker.around.env not in (None, maker.spec.id):
        return
    if options.seed < first + trained and first < options.seed + n_envs:
        warn(
            f"--seed {options.seed} is that of the training: these episodes begin as "
            "its own did. Without --seed they are others."
        )


def check_elsewhere(saved: SavedAgent, vecnormalize: Path | None, out: Path) -> None:
    """Check that a run is not written over what it begins with.

    Args:
        saved: The agent.
        vecnormalize: Statistics that the user named, if any.
        out: Folder of the run.

    Raises:
        RunFolderError: The zip or the statistics lie in the folder.
    """
    given = None if vecnormalize == RAW else vecnormalize
    for path in filter(None, (saved.path, given)):
        if _lies_in(path, out):
            raise RunFolderError(
                f"'{out}' holds '{path}', which would be deleted: choose another "
                "folder for --out."
            )


def _lies_in(path: Path, folder: Path) -> bool:
    try:
        return folder.resolve() in path.resolve().parents
    except (OSError, ValueError):  # A null byte: told when the file is read.
        return False


def find_surroundings(path: Path, vecnormalize: Path | None = None) -> Surroundings:
    """Return what stood between a saved agent and its environment, as far as is known.

    Args:
        path: The zip.
        vecnormalize: Statistics to use instead of those in the folder, where another
            agent's may lie; :data:`RAW` for none.

    Raises:
        ConfigError: The folder cannot be read.
    """
    zoo = find_zoo(path)
    found = read_zoo(zoo) if zoo else _read_run(path.parent)
    if vecnormalize is None:
        own = _statistics_of_checkpoint(path)
        return found if own is None else replace(found, statistics=own)
    return replace(found, statistics=None if vecnormalize == RAW else vecnormalize)


def _read_run(folder: Path) -> Surroundings:
    """Read what a run of this command says; any folder may have statistics."""
    env = _env_of(folder)
    path = folder / STATISTICS
    statistics = path if env.get("normalised") or path.is_file() else None
    if not env:
        return replace(NOTHING, source=folder, statistics=statistics)
    return Surroundings(
        source=folder,
        env=env["id"],
        env_kwargs=_read_kwargs(folder / CONFIG, restored(env["kwargs"])),
        modules=env.get("modules", []),
        wrappers=env.get("wrappers", []),
        vec_wrappers=env.get("vec_wrappers", []),
        frame_stack=env.get("frame_stack", 1),
        statistics=statistics,
    )


def _statistics_of_checkpoint(path: Path) -> Path | None:
    """Return the statistics that SB3's ``CheckpointCallback`` saved with a zip."""
    if (part := CHECKPOINT.fullmatch(path.stem)) is None:
        return None
    own = path.with_name(f"{part['prefix']}_vecnormalize_{part['steps']}.pkl")
    return own if own.is_file() else None


def _around(saved: SavedAgent, options: PlayOptions) -> Surroundings:
    """Return the surroundings; warn of files that may be statistics if none are."""
    found = find_surroundings(saved.path, options.vecnormalize)
    folder = saved.path.parent
    others = sorted(path.name for path in folder.glob("*normalize*.pkl"))
    if options.vecnormalize is None and found.statistics is None and others:
        warn(
            f"'{folder}' has {', '.join(others)}, maybe of a VecNormalize that the "
            "agent was trained with. If so, name it by --vecnormalize; none says that "
            "it was trained without."
        )
    return found


def _check_seen(saved: SavedAgent, statistics: Path | None) -> None:
    """Check that statistics can be those by which a trained agent sees observations.

    Raises:
        ConfigError: They have seen nothing, though the agent was trained.
    """
    if statistics is not None and statistics.is_file():
        agent: Any = SimpleNamespace(num_timesteps=saved.data.get("num_timesteps", 0))
        check_seen(agent, read_statistics(statistics), f"'{statistics}'")


def _read_kwargs(path: Path, found: Any) -> dict[str, Any]:
    return parse_pairs(str(path), [json.dumps(found)])


def _env_of(folder: Path) -> dict[str, Any]:
    """Return what the configuration of a run says of the environment, if anything."""
    env = (config_of(folder) or {}).get("env")
    return env if isinstance(env, dict) and "id" in env else {}


def _kwargs(name: str, around: Surroundings) -> dict[str, Any]:
    """Return the saved arguments of an environment, if it is that of the agent."""
    kwargs = dict(around.env_kwargs) if name == around.env else {}
    if name.startswith(OURS):  # The zip chooses: plain.zip may have other actions.
        kwargs.pop("action_mode", None)
    return kwargs
