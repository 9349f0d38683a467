"""Folders of runs as the command leaves them, written without training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from runs.made import gradual, make_run

WIDTHS = {"actor.mu.0": 64, "actor.mu.2": 600}
PRUNED = {"actor.mu.0": 6, "actor.mu.2": 70}
SIZES = {
    "units": 664,
    "params_deploy": 4000,
    "params_train": 9000,
    "weights_deploy": 3900,
    "flops_deploy": 8000,
    "sparse_flops_deploy": 8000,
    "latency_us": 220.4,
}
SMALL = SIZES | {"units": 76, "params_deploy": 400, "latency_us": 214.6}


def evaluation(value: float, **more: Any) -> dict[str, Any]:
    """Return an evaluation."""
    return {
        "episodes": 20,
        "mean_return": value,
        "std_return": 1.5,
        "interval": [value - 1, value + 1],
        "mean_length": 9.5,
        "success": None,
        **more,
    }


def whole_run(
    folder: Path,
    *,
    config: Mapping[str, Any] | None = None,
    returns: Sequence[float] = (9, 50, 200.5),
    files: Sequence[str] = ("model.zip", "plain.zip"),
    label: str | None = None,
    seed: int = 1,
    **summary: Any,
) -> Path:
    """Write a run of ``sb3-prune train`` with a strategy; keywords change it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    make_run(folder, strategy=gradual(0.9), label=label, seed=seed)
    known = json.loads((folder / "config.json").read_text())
    known["versions"] = {"python": "3.11", "torch": "2.6"}
    (folder / "config.json").write_text(json.dumps({**known, **(config or {})}))
    cuts = [(0, WIDTHS), (100, PRUNED), (200, PRUNED)]
    content = {
        "timesteps": 200,
        "first_cut": 100,
        "test": {"before": evaluation(50), "after": evaluation(returns[-1])},
        "before": {"widths": WIDTHS, **SIZES},
        "after": {"widths": PRUNED, **SMALL},
        "tests": [
            evaluation(value) | {"timesteps": 100 * i, "units": {}}
            for i, value in enumerate(returns)
        ],
        "cuts": [{"timesteps": step, "units": units} for step, units in cuts],
        "plain_load_equal": True,
        "plain_problem": None,
        "report": None,
        **summary,
    }
    (folder / "summary.json").write_text(json.dumps(content))
    for name in files:
        (folder / name).write_bytes(name.encode())
    return folder


def picture(path: Path, size: tuple[int, int] = (30, 10)) -> Path:
    """Write a picture; its suffix says of which kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("P", size).save(path)
    return path
