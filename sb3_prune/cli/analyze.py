"""``sb3-prune analyze``: analyse the hidden units of a saved agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import torch
from matplotlib.figure import Figure
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm import tqdm

from sb3_prune import plugins
from sb3_prune.analysis import Analysis, Comparison, compare, layer_labels, random_like
from sb3_prune.cli.environments import EnvMaker
from sb3_prune.cli.lines import AnalyzeOptions
from sb3_prune.cli.options import EnvOptions
from sb3_prune.cli.outputs import as_json, as_png, check_out, publish
from sb3_prune.cli.parsing import flag, parse
from sb3_prune.cli.places import announce, maker_for, warn_of_repeats
from sb3_prune.cli.tables import aligned, find_tables, show
from sb3_prune.cli.zips import SavedAgent, read_zip
from sb3_prune.exceptions import ConfigError, require_at_least, require_seed
from sb3_prune.recording import Recording, record_episodes
from sb3_prune.runs import strict
from sb3_prune.runs.folder import versions

NUMBERS = "analysis.json"
"""File of the numbers; each picture beside it is named after its analysis."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options = parse(AnalyzeOptions, arguments, "analyze")
    out = options.out or options.model.parent / "analysis"
    check_numbers(options.seed, episodes=options.episodes)
    analyses = find_analyses(options.analysis)
    check_out(out, NUMBERS, overwrite=options.overwrite)
    torch.set_num_threads(1)
    saved = read_zip(options.model, options.algo)
    maker = maker_for(saved, options)
    env = maker.make_test(options.episodes, options.seed)
    agents = _agents(saved, env, options)
    announce(maker, options)
    warn_of_repeats(saved, maker, options, env.num_envs)
    recordings = {
        name: record_episodes(each, env, episodes=options.episodes, seed=options.seed)
        for name, each in agents.items()
    }
    found = {  # disable=None shows the bar only on a terminal.
        each.name: compare(recordings, each)
        for each in tqdm(analyses, desc="analysing", disable=None, delay=2)
    }
    content = {
        "model": str(options.model),
        **described(options, maker),
        "episodes": options.episodes,
        "agents": {name: _facts(each) for name, each in recordings.items()},
        "analyses": {
            each.name: {"options": asdict(each.config), **found[each.name].to_dict()}
            for each in analyses
        },
    }
    pictures = {f"{name}.png": as_png(_figure(each)) for name, each in found.items()}
    stale = {f"{name}.png" for name in plugins.analyses()} - set(pictures)
    publish(out, {**pictures, NUMBERS: as_json(content)}, stale)
    if options.json:
        print(strict.dumps(content))
        return
    for agent, facts in content["agents"].items():
        numbers = ", ".join(f"{show(value)} {name}" for name, value in facts.items())
        print(f"{agent:<8}{numbers}")
    for name, comparison in found.items():
        labels = layer_labels(recordings["agent"].activations)
        print("\n".join(["", *_summary(name, comparison, labels)]))
    print(f"\n{out} has {', '.join([*pictures, NUMBERS])}")


def find_analyses(names: str) -> list[Analysis]:
    """Return analyses with their default options.

    Args:
        names: Names separated by commas; if empty, all installed analyses.

    Raises:
        UnknownNameError: No plug-in has an analysis of that name.
        ConfigError: No plug-in has any analysis.
    """
    given = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    chosen = list(given or plugins.analyses())
    if not chosen:
        raise ConfigError("No plug-in has an analysis: see sb3-prune plugins.")
    return [cast(Analysis, plugins.make("analyses", name)) for name in chosen]


def check_numbers(seed: int, **episodes: int) -> None:
    """Check a seed and numbers of episodes.

    Args:
        seed: The seed.
        **episodes: Numbers of episodes by the name of their option.

    Raises:
        ConfigError: A number is out of range.
    """
    for name, count in episodes.items():
        require_at_least(flag(name), count)
    require_seed("--seed", seed)


def described(options: EnvOptions, maker: EnvMaker) -> dict[str, Any]:
    """Return the environment, seed and versions that the results depend on."""
    return {"env": maker.to_dict(), "seed": options.seed, "versions": versions()}


def _summary(
    name: str, comparison: Comparison, labels: Mapping[str, str]
) -> Iterator[str]:
    """Yield the title and tables of an analysis; slashes separate the agents."""
    agents = list(comparison.results)
    beside = f" ({' / '.join(agents)})" if len(agents) > 1 else ""
    yield f"{name}: {comparison.title}{beside}"
    found = [find_tables(numbers) for numbers in comparison.to_dict().values()]
    for caption, rows in found[0].items():
        tables = [each.get(caption, {}) for each in found]
        columns = list(dict.fromkeys(key for row in rows.values() for key in row))
        lines = [[caption, *columns]]
        for row in rows:
            cells = [[show(t.get(row, {}).get(key)) for t in tables] for key in columns]
            lines.append([labels.get(row, row), *map(" / ".join, cells)])
        yield from (f"    {line}" for line in aligned(lines))


def _figure(comparison: Comparison) -> Figure:
    """Return a figure; only if there are several agents, it shows their names."""
    first, *others = comparison.results.values()
    return comparison.plot() if others else first.plot()


def _agents(
    saved: SavedAgent, env: VecEnv, options: AnalyzeOptions
) -> dict[str, BaseAlgorithm]:
    agents = {"agent": saved.load(env)}
    if options.compare_random:
        agents["random"] = random_like(agents["agent"], options.seed)
    return agents


def _facts(recording: Recording) -> dict[str, float]:
    return {
        "episodes": recording.episodes,
        "steps": int(recording.lengths.sum()),
        "units": sum(recording.units().values()),
        "mean reward per episode": float(recording.rewards.sum(axis=1).mean()),
    }
