"""Card: a folder for the model hub, with a card that says what was pruned."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sb3_prune.exceptions import ConfigError
from sb3_prune.files import atomic_folder
from sb3_prune.reporting import loading, tables
from sb3_prune.reporting.naming import CARD, HUB_STATISTICS, RESULTS, model_name
from sb3_prune.reporting.rendering import markdown
from sb3_prune.reporting.reported import ReportedRun, Test
from sb3_prune.runs.folder import (
    LEARNING,
    MODEL,
    PLAIN,
    STATISTICS,
    WIDTHS,
    check_absent,
)

PICTURES = {
    LEARNING: "performance over training",
    WIDTHS: "units in every hidden layer over training",
}
"""Pictures of a run that a card shows, and what they are."""
TAGS = (
    "deep-reinforcement-learning",
    "reinforcement-learning",
    "stable-baselines3",
    "sb3-prune",
)
"""Tags of every card, after the environment."""


def write_card(run: str | Path, out: str | Path) -> Path:
    """Write a folder for the model hub, with file names as huggingface_sb3 makes them.

    It has the plain zip under the name by which ``load_from_hub`` is asked for it, the
    pruned one beside it, the statistics of a ``VecNormalize``, results, pictures, and
    ``README.md``: the card, with a section on pruning. Nothing is uploaded, and no
    licence is chosen.

    Args:
        run: Folder of a run of ``sb3-prune train`` or ``sb3-prune prune``.
        out: Folder to create.

    Returns:
        The folder.

    Raises:
        ConfigError: It is no complete run, has no zip, or a file is damaged; nothing
            was written.
        RunFolderError: The folder exists, or cannot be created.
    """
    found, path = ReportedRun.read(run), Path(out)
    if not (found.folder / MODEL).is_file():
        raise ConfigError(f"The run in '{found.folder}' has no {MODEL} to publish.")
    if found.algorithm not in loading.STOCK:
        known = ", ".join(loading.STOCK)
        raise ConfigError(
            f"The algorithm must be one of {known}, got '{found.algorithm}'."
        )
    check_absent(path)
    files, text = files_of(found), card(found)
    with atomic_folder(path) as temporary:
        for name, source in files.items():
            shutil.copyfile(source, temporary / name)
        (temporary / CARD).write_text(text, "utf-8")
        test = _returned(found)
        if test is not None:
            results = json.dumps(_results(test), indent=2)
            (temporary / RESULTS).write_text(f"{results}\n", "utf-8")
    return path


def files_of(run: ReportedRun) -> dict[str, Path]:
    """Return the files of a run that are published, by their names there."""
    name = _name(run)
    files = {f"{name}-pruned.zip": run.folder / MODEL}
    if run.plain_problem is None:
        files[f"{name}.zip"] = run.folder / PLAIN
    if run.statistics:
        files[HUB_STATISTICS] = run.folder / STATISTICS
    pictures = {each: run.folder / each for each in PICTURES}
    return files | {each: path for each, path in pictures.items() if path.is_file()}


def card(run: ReportedRun) -> str:
    """Return the card: YAML for the hub, then Markdown for people."""
    files, name, env = files_of(run), _name(run), str(run.config["env"]["id"])
    plain, pruned = f"{name}.zip", f"{name}-pruned.zip"
    statistics = HUB_STATISTICS if run.statistics else None
    loaded = f'load_from_hub(repo, "{HUB_STATISTICS}")' if statistics else None
    code = loading.pruned_code(run, "path", loaded)
    removed = run.before.counts["units"] - run.after.counts["units"]
    strategy = run.config["strategy"]
    return markdown(
        "card.md",
        name=name,
        env=env,
        tags=[env, *TAGS, *(["pruned"] if run.pruned else [])],
        is_pruned=run.pruned,
        needed=loading.needed(run.algorithm),
        shown=loading.STOCK[run.algorithm][1],
        task=run.task,
        strategy=run.strategy,
        removed=removed if removed > 0 else None,
        closed=run.config["options"].get("masks_only", False),
        options=strategy and _fenced(strategy["options"]),
        plain=plain if plain in files else None,
        pruned=pruned,
        problem=run.plain_problem,
        statistics=statistics,
        pictures={each: PICTURES[each] for each in PICTURES if each in files},
        code=loading.plain_code(run, "path", loaded) if plain in files else code,
        pruned_code=code,
        sizes=tables.sizes(run),
        results=tables.results(run),
        moments=list(tables.moments(run)),
        intervals=tables.has_intervals(run),
        before=run.before.widths,
        after_widths=run.after.widths,
        after=_returned(run),
        versions=run.config["versions"],
    )


def _name(run: ReportedRun) -> str:
    return model_name(run.algorithm, str(run.config["env"]["id"]))


def _returned(run: ReportedRun) -> Test | None:
    """Return the last evaluation if it has a mean return."""
    test = run.tested["after"]
    return None if test is None or test["mean_return"] is None else test


def _fenced(options: Mapping[str, Any]) -> str:
    """Return options as JSON that cannot end the block of code around it.

    A backtick can only be in a text, where JSON may write it by its number.
    """
    return json.dumps(options, indent=2).replace("`", "\\u0060")


def _results(test: Mapping[str, Any]) -> dict[str, Any]:
    """Return an evaluation as huggingface_sb3 writes it, without a date."""
    return {
        "mean_reward": test["mean_return"],
        "std_reward": test["std_return"],
        "is_deterministic": True,
        "n_eval_episodes": test["episodes"],
    }
