"""Keeping: save results seed by seed, so that a stopped run can continue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path("runs/flow")
"""Folder of the results; it has a subfolder for each version of the code."""
SOURCES = (
    "sb3_prune/surgery/**/*.py",
    "benchmarks/random_networks/*.py",
    "benchmarks/flow/judging.py",
)
"""Files that a result depends on."""


def carry_out(
    name: str, function: Callable[[int], dict[str, Any]], seeds: Iterable[int]
) -> list[dict[str, Any]]:
    """Call a function for each seed whose result is not saved yet.

    Args:
        name: Name of the results' file.
        function: Returns the result of a seed, JSON-able; its key ``seed`` is the seed.
        seeds: The seeds.

    Returns:
        The results, in the order of the seeds.
    """
    path = ROOT / fingerprint() / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    path.write_text("".join(whole))
    done = {found["seed"]: found for found in map(json.loads, whole)}
    asked = list(seeds)
    with path.open("a") as file:
        for seed in asked:
            if seed not in done:
                done[seed] = function(seed)
                file.write(json.dumps(done[seed]) + "\n")
                file.flush()
    return [done[seed] for seed in asked]


def fingerprint() -> str:
    """Return a hash of the files in :data:`SOURCES`."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(Path().glob(pattern)):
            digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:12]
