"""``sb3-prune analyze``: what the hidden units of a saved agent do."""

from __future__ import annotations

import io
import json
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from matplotlib.figure import Figure
from stable_baselines3.common.base_class import BaseAlgorithm
from tqdm import tqdm

from sb3_prune import plugins
from sb3_prune.analysis import (
    Analysis,
    Comparison,
    Recording,
    compare,
    layer_labels,
    random_like,
    record_episodes,
)
from sb3_prune.cli.environments import EnvMaker, find_env
from sb3_prune.cli.options import EnvOptions, SavedAgentOptions
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import ConfigError, RunFolderError
from sb3_prune.files import write_bytes
from sb3_prune.runs import check_free, versions

NUMBERS = "analysis.json"
"""File of the numbers; the pictures beside it are called like their analyses."""
LARGE = 100
"""From here on decimals say nothing."""


@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions(EnvOptions, SavedAgentOptions):
    """Look inside a saved agent, stock or pruned: pictures and numbers of its units.

    It plays greedily while every hidden unit is recorded; the analyses look at that.
    """

    episodes: int = 500
    """Number of greedy episodes to record."""
    analysis: str = ""
    """What to look for, e.g. distances,dormancy; all that is installed if not given."""
    compare_random: bool = False
    """Show the agent beside a random network of the same shape."""
    out: Path | None = None
    """Folder for the results, it must not exist; `analysis` beside the zip if not
    given."""
    overwrite: bool = False
    """Replace the results in the folder."""
    json: bool = False
    """Print JSON."""


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
    maker = find_env(
        options.env,
        parse_pairs("--env-kwargs", options.env_kwargs),
        lambda space: bool(space == saved.data["action_space"]),
    )
    env = maker.make_test(options.episodes, options.seed)
    agents = {"agent": saved.load(env)}
    if options.compare_random:
        agents["random"] = random_like(agents["agent"], options.seed)
    recordings = {
        name: record_episodes(each, env, episodes=options.episodes, seed=options.seed)
        for name, each in agents.items()
    }
    found = {  # A bar for whoever waits at a terminal.
        each: compare(recordings, each)
        for each in tqdm(analyses, desc="analyzing", disable=None, leave=False)
    }
    content = {
        "model": str(options.model),
        **described(options, maker),
        "episodes": options.episodes,
        "agents": {name: _recorded(each) for name, each in recordings.items()},
        "analyses": {
            each.name: {"options": asdict(each.config), "found": comparison.to_dict()}
            for each, comparison in found.items()
        },
    }
    pictures = {f"{each.name}.png": _picture(found[each]) for each in analyses}
    stale = {f"{name}.png" for name in plugins.classes("analyses")} - set(pictures)
    publish(out, {**pictures, NUMBERS: as_json(content)}, stale)
    if options.json:
        print(json.dumps(content, indent=2))
        return
    for name, recorded in content["agents"].items():
        print(f"{name:<8}{_described(recorded)}")
    labels = layer_labels(recordings["agent"].activations)
    for each, comparison in found.items():
        print("\n".join(["", *_summary(each.name, comparison, labels)]))
    print(f"\nfolder  {out} (pictures {', '.join(pictures)})")


def find_analyses(names: str) -> list[Analysis]:
    """Return analyses with their default options.

    Args:
        names: Names with commas in between; without any, all that are installed.

    Raises:
        UnknownNameError: No plug-in has an analysis of that name.
        ConfigError: No plug-in has any analysis.
    """
    given = [name.strip() for name in names.split(",")]
    chosen = list(dict.fromkeys(filter(None, given)))
    chosen = chosen or list(plugins.classes("analyses"))
    if not chosen:
        raise ConfigError("No plug-in brings an analysis: see sb3-prune plugins.")
    return [cast(Analysis, plugins.make("analyses", name)) for name in chosen]


def check_numbers(seed: int, **counts: int) -> None:
    """Check a seed, and numbers of episodes by the name of their option.

    Raises:
        ConfigError: One is out of range.
    """
    for name, count in counts.items():
        if count < 1:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} must be at least 1, got {count}.")
    if not 0 <= seed < 2**32:
        raise ConfigError(f"--seed must be in [0, 2**32), got {seed}.")


def check_out(folder: Path, numbers: str, *, overwrite: bool) -> None:
    """Check that results may go to a folder.

    Args:
        folder: The folder.
        numbers: A file that marks a folder of such results.
        overwrite: Whether older ones may be replaced.

    Raises:
        RunFolderError: It exists, and may not be overwritten or holds something else.
    """
    if not folder.exists():
        check_free(folder)
    elif not (folder / numbers).is_file():
        raise RunFolderError(f"'{folder}' exists without {numbers}: choose another.")
    elif not overwrite:
        raise RunFolderError(
            f"Folder '{folder}' exists: choose another by --out, or pass --overwrite."
        )


def publish(
    folder: Path, files: Mapping[str, bytes], stale: Iterable[str] = ()
) -> None:
    """Make a folder appear with all its files; in one that exists, replace them.

    Args:
        folder: The folder.
        files: Name -> content.
        stale: Files of older results to remove.
    """
    if folder.exists():
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for name, data in files.items():
            write_bytes(folder / name, data)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
    try:
        temporary.mkdir()
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def described(options: EnvOptions, maker: EnvMaker) -> dict[str, Any]:
    """Return what, besides the agents, numbers depend on."""
    return {
        "env": {"id": maker.spec.id, "kwargs": dict(maker.kwargs)},
        "seed": options.seed,
        "versions": versions(),
    }


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file."""
    return (json.dumps(content, indent=2) + "\n").encode()


def as_png(figure: Figure) -> bytes:
    """Return the content of a picture's file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as text: names at the left, numbers below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]


def find_tables(
    found: Mapping[str, Any], caption: str = ""
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the tables in the numbers of any analysis: caption -> row -> column.

    A table is a mapping to mappings that each have single numbers or texts; lists and
    what is nested deeper are left to the file. Numbers without a table are one row.
    """
    single = {k: v for k, v in found.items() if not isinstance(v, Mapping | list)}
    nested = {k: v for k, v in found.items() if isinstance(v, Mapping)}
    rows = {
        str(name): {k: v for k, v in row.items() if not isinstance(v, Mapping | list)}
        for name, row in nested.items()
    }
    if rows and all(rows.values()):
        return {caption: rows}
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for name, row in nested.items():
        tables |= find_tables(row, f"{caption} {name}".strip())
    return tables or ({caption: {"": single}} if single else {})


def _summary(
    name: str, comparison: Comparison, labels: Mapping[str, str]
) -> Iterator[str]:
    """Yield the title and the tables of an analysis, agents divided by slashes."""
    agents = " / ".join(comparison.results)
    yield f"{name}: {comparison.title}" + f" ({agents})" * (" / " in agents)
    tables = [find_tables(result.to_dict()) for result in comparison.results.values()]
    for caption, rows in tables[0].items():
        same = [table.get(caption, {}) for table in tables]
        columns = list(dict.fromkeys(key for row in rows.values() for key in row))
        body = [
            [labels.get(row, row)]
            + [" / ".join(_show(t.get(row, {}).get(key)) for t in same) for key in columns]
            for row in rows
        ]
        yield from (f"  {line}" for line in aligned([[caption, *columns], *body]))
