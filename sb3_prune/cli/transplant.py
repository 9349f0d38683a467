"""``sb3-prune transplant``: carry an agent into other spaces or a bigger net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.cli.compact import check_target, with_suffix
from sb3_prune.cli.ids import Ids, find_ids, side_by_side
from sb3_prune.cli.lines import TransplantOptions
from sb3_prune.cli.maps import read_maps
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.places import announce, new_maker_for
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import ConfigError, RunFolderError, require_seed
from sb3_prune.files import atomic
from sb3_prune.runs.folder import STATISTICS, write_model
from sb3_prune.runs.pickles import read_replay_buffer
from sb3_prune.transplanting import InputRules, NewActions, TransplantReport
from sb3_prune.transplanting.transplants import transplant_with_report

REPLAY_BUFFER = "replay_buffer.pkl"
"""Name of a replay buffer beside its zip."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad, and nothing was written.
    """
    options = parse(TransplantOptions, arguments, "transplant")
    require_seed("--seed", options.seed)
    torch.set_num_threads(1)
    out = _target(options)
    saved = read_zip(options.model, options.algo)
    buffer = _buffer(options)
    maker = new_maker_for(saved, options)
    if out is not None:
        _check_beside(out, maker.around.statistics, options)
    env = maker.make(1 if buffer is None else buffer.n_envs)
    old = saved.load()
    ids = find_ids(saved, old, env, options.old_env)
    if options.show_ids:
        announce(maker, options)
        print("\n".join(side_by_side(ids)))
        return
    model, report = transplant_with_report(
        old,
        env=env,
        vecnormalize=maker.around.statistics,
        replay_buffer=buffer,
        **_changes(options, ids, old, env),
    )
    announce(maker, options)
    print("\n".join([str(report), *_named(ids, report)]))
    if out is not None:
        _write(out, model)


def _buffer(options: TransplantOptions) -> ReplayBuffer | None:
    path = options.replay_buffer
    return None if path is None else read_replay_buffer(path)


def _changes(
    options: TransplantOptions, ids: Mapping[str, Ids], old: BaseAlgorithm, env: VecEnv
) -> dict[str, Any]:
    """Return the arguments of ``transplant`` that say what changes.

    Raises:
        ConfigError: A map is bad, or the environment has other kinds of actions.
    """
    kinds = [type(each.action_space).__name__ for each in (old, env)]
    if kinds[0] != kinds[1]:
        raise ConfigError(
            f"The agent's actions are {kinds[0]}, those of the new environment "
            f"{kinds[1]}: one cannot be mapped to the other."
        )
    given = {"observations": options.observations, "actions": options.actions}
    rule = NewActions(
        rule=options.rule,
        of=None if options.of is None else ids["actions"].place("old", options.of),
        probability=options.probability,
    )
    arch = list(options.net_arch) or None
    found = read_maps(ids, given, options.map)
    inputs = InputRules(removed=options.removed, repeated=options.repeated)
    return found | {
        "net_arch": arch,
        "new_actions": rule,
        "inputs": inputs,
        "play": options.play,
        "seed": options.seed,
    }


def _target(options: TransplantOptions) -> Path | None:
    if (options.out is not None) + options.dry_run + options.show_ids != 1:
        raise ConfigError(
            "Give one of --out, the zip to write, --dry-run and --show-ids."
        )
    if options.out is None:
        if options.overwrite:
            raise ConfigError("--overwrite says nothing without --out.")
        return None
    out = with_suffix(options.out)
    check_target(out, overwrite=options.overwrite)
    return out


def _check_beside(
    out: Path, statistics: Path | None, options: TransplantOptions
) -> None:
    """Check that the files beside the new zip can be written.

    Raises:
        RunFolderError: They cannot, or would replace those of the old agent.
    """
    for name, old in {
        STATISTICS: statistics,
        REPLAY_BUFFER: options.replay_buffer,
    }.items():
        path = out.parent / name
        if old is None:
            continue
        if path.exists() and path.samefile(old):
            raise RunFolderError(
                f"'{path}' is that of the old agent, and the new one's would replace "
                "it: choose another folder by --out."
            )
        check_target(path, overwrite=options.overwrite)


def _named(ids: Mapping[str, Ids], report: TransplantReport) -> list[str]:
    sources = {"observations": report.observations, "actions": report.actions}
    return [line for what, each in ids.items() for line in each.changes(sources[what])]


def _write(out: Path, model: BaseAlgorithm) -> None:
    """Write the agent, and before it what its zip does not hold."""
    agent: Any = model
    beside = []
    if (statistics := agent.get_vec_normalize_env()) is not None:
        beside.append(STATISTICS)
        with atomic(out.parent / STATISTICS) as temporary:
            statistics.save(str(temporary))
    if (buffer := getattr(agent, "replay_buffer", None)) is not None and buffer.size():
        beside.append(REPLAY_BUFFER)
        with atomic(out.parent / REPLAY_BUFFER) as temporary:
            agent.save_replay_buffer(temporary)
    write_model(out, model)
    print(f"{' and '.join([str(out), *beside])} {'are' if beside else 'is'} written")
