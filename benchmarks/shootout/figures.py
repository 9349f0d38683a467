"""Figures of Su et al. 2024: returns, units per layer, and the price of sparsity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from stable_baselines3 import PPO
from torch import nn

from benchmarks.shootout.budget import DENSE, POPS, SMALL, WIDTHS, Budget
from benchmarks.shootout.page import Runs
from benchmarks.shootout.running import job_of, zip_of
from sb3_prune.analysis.figures import heading, new_figure, tidy
from sb3_prune.evaluation.intervals import interval
from sb3_prune.files import atomic

COLOURS = {
    "dense": "#22303c",
    "small dense": "#7f8c96",
    "dsp": "#e4572e",
    "ssl": "#f5b041",
    "sgs": "#c39b2f",
    "dropout": "#9b59b6",
    "magnitude": "#2e86c1",
    "random": "#b8c4ce",
    "l1": "#27ae60",
    "gmp": "#7dcea0",
    "pops": "#8e1b0e",
}
"""Methods that are drawn; the plain variants stand in the tables only."""
HEATED = ("dense", "dsp", "ssl", "l1")
"""Methods whose weights are drawn."""
Panel = tuple[str, float]
"""Environment and sparsity."""


def panels(budget: Budget, found: Runs) -> list[Panel]:
    """Return the environments with their sparsities, as far as there are results."""
    every = [(p.task.env, s) for p in budget.parts for s in p.sparsities]
    return [each for each in every if any(of(found, each, name) for name in COLOURS)]


def of(found: Runs, panel: Panel, name: str) -> Sequence[Mapping[str, Any]]:
    """Return the results of a method in an environment, by seed."""
    env, sparsity = panel
    share = 0.0 if name in (DENSE.name, POPS.name) else sparsity
    return found.get((env, name, share), [])


def returns(budget: Budget, found: Runs, path: Path) -> None:
    """Draw greedy returns over training, with the range over seeds."""
    shown = panels(budget, found)
    figure, axes = _grid(shown, "Greedy return over training (shaded: all seeds)")
    for panel, place in zip(shown, axes, strict=True):
        for name, colour in COLOURS.items():
            # PoPS prunes after training: its curve would be that of the dense net.
            if name != POPS.name and (runs := of(found, panel, name)):
                _curve(place, name, colour, [run["evaluations"] for run in runs])
        place.set_xlabel("environment steps")
    _legend(axes)
    _save(figure, path)


def _curve(
    axes: Axes, name: str, colour: str, curves: Sequence[Sequence[tuple[int, float]]]
) -> None:
    by_step = [dict(curve) for curve in curves]
    steps = sorted(set.intersection(*map(set, by_step)))
    values = np.array([[curve[step] for step in steps] for curve in by_step])
    axes.plot(steps, values.mean(0), color=colour, label=name, linewidth=1.2)
    axes.fill_between(
        steps, values.min(0), values.max(0), color=colour, alpha=0.1, linewidth=0
    )


def layers(budget: Budget, found: Runs, path: Path) -> None:
    """Draw the units left in the actor's layers over training, of the first seeds."""
    shown = panels(budget, found)
    title = (
        "Units left per layer (solid: first, dashed: second), first seed of each method"
    )
    figure, axes = _grid(shown, title)
    for panel, place in zip(shown, axes, strict=True):
        for name, colour in COLOURS.items():
            runs = [run for run in of(found, panel, name) if run["units"]]
            for run in runs[:1]:
                history = run["units"]
                end = run["evaluations"][-1][0]
                steps = [*(row["timesteps"] for row in history), end]
                actor = [n for n in history[0]["units"] if "policy_net" in n]
                for layer, style in zip(actor, ("-", "--"), strict=False):
                    counts = [row["units"][layer] for row in history]
                    counts.append(counts[-1])
                    label = name if style == "-" else None
                    place.step(
                        steps,
                        counts,
                        style,
                        where="post",
                        color=colour,
                        label=label,
                        linewidth=1.2,
                    )
        place.set_xlabel("environment steps")
        place.set_yscale("log")
        place.set_yticks([1, 2, 5, 10, 20, 50, 100], minor=False)
        place.yaxis.set_major_formatter("{x:g}")
        place.yaxis.set_minor_formatter("")
    _legend(axes)
    _save(figure, path)


def sparsities(budget: Budget, found: Runs, path: Path) -> None:
    """Draw the return against the share of units that are gone, with intervals.

    ``l1`` and ``gmp`` are asked for a share of weights, so the share of units is that
    of the final agents.
    """
    shown = Counter(env for env, _ in panels(budget, found))
    parts = [part for part in budget.parts if shown[part.task.env] > 1]
    if not parts:
        return
    figure = new_figure((4.5 * len(parts), 3.4))
    heading(figure, "Return of the final agent (95 % interval over seeds)")
    axes = list(figure.subplots(1, len(parts), squeeze=False)[0])
    for part, place in zip(parts, axes, strict=True):
        tidy(place)
        place.set_title(part.task.env, loc="left", fontsize=10)
        place.set_xlabel("share of the actor's units gone")
        for number, (name, colour) in enumerate(COLOURS.items()):
            points = []
            for sparsity in part.sparsities:
                runs = of(found, (part.task.env, sparsity), name)
                if runs and name not in (DENSE.name, POPS.name):
                    points.append((gone(runs), [run["return"] for run in runs]))
            _points(place, name, colour, points, number)
    _legend(axes)
    _save(figure, path)


def gone(runs: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean share of the actor's units that final agents do not have."""
    return 1 - float(np.mean([run["units_deploy"] for run in runs])) / sum(WIDTHS)


def _points(
    axes: Axes,
    name: str,
    colour: str,
    points: Sequence[tuple[float, Sequence[float]]],
    number: int,
) -> None:
    """Draw the means of a method with their intervals, a little beside the others'.

    One seed has no interval, so it is drawn without one.
    """
    if not points:
        return
    style: dict[str, Any] = {"color": colour, "linewidth": 1.2}
    dash = ":" if name == SMALL.name else "-"
    at = [sparsity + 0.0006 * number for sparsity, _ in points]
    means = [float(np.mean(values)) for _, values in points]
    axes.plot(at, means, marker=".", linestyle=dash, label=name, **style)
    for place, mean, (_, values) in zip(at, means, points, strict=True):
        if (ends := interval(values)) is not None:
            far = [[max(0.0, mean - ends[0])], [max(0.0, ends[1] - mean)]]
            axes.errorbar([place], [mean], far, capsize=2, linestyle="none", **style)


def heatmaps(budget: Budget, found: Runs, path: Path) -> None:
    """Draw the absolute weights of actors, one row per method, one column per layer.

    Only agents that have a result, and whose zips are on this machine, are drawn, the
    first of each method. An earlier picture stays if a method has results, but no zip.
    """
    drawn: dict[str, list[np.ndarray]] = {}
    known: set[str] = set()
    for training in budget.trainings():
        task, method, sparsity, seed = training
        file = zip_of(job_of(budget, *training))
        has_result = bool(found.get((task.env, method.name, sparsity)))
        if not has_result or method.name not in HEATED or not file.exists():
            continue
        if method.name not in known:
            known.add(method.name)
            asked = f", {sparsity:.0%}" if sparsity else ""
            drawn[f"{method.name}{asked}, {task.env}, seed {seed}"] = _weights(file)
    measured = {name for _, name, _ in found if name in HEATED}
    if not drawn or (path.exists() and known != measured):
        return
    figure = new_figure((9.0, 2.6 * len(drawn)))
    heading(figure, "Absolute weights of the actor's layers, inputs to the right")
    rows = figure.subplots(len(drawn), 3, squeeze=False)
    for axes, (name, weights) in zip(rows, drawn.items(), strict=True):
        for number, (place, weight) in enumerate(zip(axes, weights, strict=True)):
            image = place.imshow(
                weight, aspect="auto", cmap="viridis", vmin=0.0, interpolation="nearest"
            )
            place.set_title(f"{name}, layer {number + 1}", loc="left", fontsize=9)
            place.set_xlabel(f"{weight.shape[1]} inputs", fontsize=8)
            place.set_ylabel(f"{weight.shape[0]} units", fontsize=8)
            place.set_xticks([])
            place.set_yticks([])
            figure.colorbar(image, ax=place)
    _save(figure, path)


def _weights(file: Path) -> list[np.ndarray]:
    policy: Any = PPO.load(file, device="cpu").policy
    body = policy.mlp_extractor.policy_net
    layers = [m for m in (*body, policy.action_net) if isinstance(m, nn.Linear)]
    return [layer.weight.detach().abs().numpy() for layer in layers]


def _grid(shown: Sequence[Panel], title: str) -> tuple[Figure, list[Axes]]:
    figure = new_figure((4.0 * len(shown), 3.4))
    heading(figure, title)
    axes = list(figure.subplots(1, len(shown), squeeze=False)[0])
    for (env, sparsity), place in zip(shown, axes, strict=True):
        tidy(place)
        place.set_title(f"{env}, {sparsity:.0%}", loc="left", fontsize=10)
    return figure, axes


def _legend(axes: Sequence[Axes]) -> None:
    named = [place.get_legend_handles_labels() for place in axes]
    lines = {name: line for pair in named for line, name in zip(*pair, strict=True)}
    axes[0].legend(lines.values(), lines.keys(), frameon=False, fontsize=7, ncols=2)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=80)
