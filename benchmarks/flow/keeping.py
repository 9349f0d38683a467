"""Keeping: what is done seed by seed is done once, also if it is stopped in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path("runs/flow")
"""Where what is done is kept, by the code that did it."""
SOURCES = (
    "sb3_prune/surgery/**/*.py",
    "benchmarks/random_networks/*.py",
    "benchmarks/flow/judging.py",
)
"""What a result depends on."""


def carry_out(
    name: str, function: Callable[[int], dict[str, Any]], seeds: Iterable[int]
) -> list[dict[str, Any]]:
    """Do what is left to do for each seed; a stopped run goes on.

    Args:
        name: Name of what is done.
        function: Returns what comes out of a seed, JSON-able, the ``seed`` included.
        seeds: The seeds.

    Returns:
        What came out, in the order of the seeds.
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
    """Return what tells the code that results depend on from any other."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(Path().glob(pattern)):
            digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:12]
