"""Folders of runs, written without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def make_run(
    folder: Path,
    returns: Sequence[float] = (10.0, 20.0, 30.0),
    *,
    parameters: int = 100,
    strategy: dict[str, Any] | None = None,
    env: dict[str, Any] | None = None,
    command: str = "train",
    units: int = 8,
    checksum: str | None = None,
    **options: Any,
) -> Path:
    """Write what ``compare_runs`` reads of a run."""
    folder.mkdir(parents=True)
    config = {
        "command": ["sb3-prune", command],
        "algorithm": "ppo",
        "options": {"seed": 1, "out": str(folder), "net_arch": [], **options},
        "strategy": strategy and {"name": strategy.pop("name"), "options": strategy},
        "env": {"id": "CartPole-v1", "kwargs": {}, **(env or {})},
        "versions": {},
    }
    if checksum is not None:
        config["model_checksum"] = checksum
    tests = [{"timesteps": 100 * i, "mean_return": r} for i, r in enumerate(returns)]
    sizes = {"units": 24, "params_deploy": parameters, "params_train": 2 * parameters}
    widths = {"layer.0": units, "layer.2": 16}
    summary = {
        "tests": tests,
        "before": {"widths": widths},
        "after": {"widths": widths, **sizes, "flops_deploy": 180},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def gradual(sparsity: float, **more: Any) -> dict[str, Any]:
    """Return a strategy and an option of it."""
    return {"name": "magnitude", "final_sparsity": sparsity, **more}
