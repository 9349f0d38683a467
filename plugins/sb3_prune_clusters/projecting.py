"""Projecting: predict one agent's hidden units from another's, and report it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm import tqdm

from sb3_prune.analysis import layer_labels, random_like
from sb3_prune.analysis.figures import heading, label_layers, new_figure
from sb3_prune.cli.analyze import check_numbers, described
from sb3_prune.cli.options import WatchOptions
from sb3_prune.cli.outputs import as_json, as_png, check_out, publish
from sb3_prune.cli.places import (
    announce,
    find_surroundings,
    maker_for,
    warn_of_repeats,
)
from sb3_prune.cli.tables import aligned
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import UnknownNameError, require_finite
from sb3_prune.plots.curves import INK
from sb3_prune.warning import warn
from sb3_prune_clusters.project import METHODS, ProjectionReport, project_agents
from sb3_prune_clusters.transforms import TRANSFORMS

Reports = Mapping[str, ProjectionReport]

NUMBERS, PICTURE = "projection.json", "layers.png"
TITLE = "What the target's layers read from the source's"
HEAT = LinearSegmentedColormap.from_list("heat", ["#ffffff", "#3d7ea6", INK])
DARK = 0.4
"""Cells darker than this share of the darkest colour get white numbers."""


@dataclass(frozen=True, kw_only=True)
class ProjectOptions(WatchOptions):
    """Predict the hidden units of a saved agent, the target, from those of a source.

    Both agents get the observations of the target's greedy episodes. If they are planar
    arms with different numbers of joints, --inputs chooses how the observations are
    converted for the source.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE.ZIP")]
    """Zip of the agent that predicts. SB3 unpickles it: load only what you trust."""
    target: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET.ZIP")]
    """Zip of the agent that is predicted; it plays in --env."""
    algo: str | None = None
    """Algorithm that saved the zips; read from each zip if not given."""
    method: str = "linear"
    """linear: sparse sums of source units; greedy: copies of the nearest unit."""
    penalty: float = 50.0
    """Weight of the sparsity penalty (linear only); more episodes weaken it."""
    inputs: str = "balanced"
    """How joint angles are converted for the source: naive, balanced or sums."""
    episodes: int = 170
    """Episodes to fit the projection on."""
    validation_episodes: int = 300
    """Other episodes, on which the error is measured."""
    random_baseline: bool = False
    """Also project a random network of the source's shape."""
    out: Path | None = None
    """Output folder; `projection` beside the target zip if not given."""
    overwrite: bool = False
    """Replace results that are already in the folder."""


def run(options: ProjectOptions) -> None:
    """Compute the projections, and write their numbers and the picture."""
    out = options.out or options.target.parent / "projection"
    project = _projector(options)
    check_out(out, NUMBERS, overwrite=options.overwrite)
    torch.set_num_threads(1)
    source = read_zip(options.source, options.algo).load()
    saved = read_zip(options.target, options.algo)
    maker = maker_for(saved, options)
    episodes = max(options.episodes, options.validation_episodes)
    env = maker.make_test(episodes, options.seed)
    target = saved.load(env)
    # Try one episode first: agents that do not fit fail before the long computation.
    project(source, target, env, method="greedy", episodes=1, validation_episodes=1)
    announce(maker, options)
    warn_of_repeats(saved, maker, options, env.num_envs)
    _check_statistics(options, maker.around.statistics)
    sources = {"agent": source}
    if options.random_baseline:
        sources["random"] = random_like(source, options.seed)
    found = {  # disable=None: the progress bar appears on terminals only.
        name: project(each, target, env)
        for name, each in tqdm(sources.items(), desc="projecting", disable=None)
    }
    content = {
        "source": str(options.source),
        "target": str(options.target),
        **described(options, maker),
        "input_transform": options.inputs,
        "episodes": options.episodes,
        "validation_episodes": options.validation_episodes,
        "projections": {name: report.to_dict() for name, report in found.items()},
    }
    publish(out, {PICTURE: as_png(draw(found)), NUMBERS: as_json(content)})
    print("\n".join([*lines(found), f"\n{out} has {PICTURE}, {NUMBERS}"]))


def _check_statistics(options: ProjectOptions, target: Path | None) -> None:
    """Warn if the source was not trained on observations as the target sees them."""
    source = find_surroundings(options.source.resolve()).statistics
    same = source == (target and target.resolve())
    if options.vecnormalize is None and not same:
        warn(
            "The source sees the observations of the target, normalised by "
            f"{target or 'nothing'}, but was trained on ones normalised by "
            f"{source or 'nothing'}."
        )


def _projector(options: ProjectOptions) -> Callable[..., ProjectionReport]:
    """Check the options; return :func:`project_agents` with these options filled in."""
    if options.method not in METHODS:
        raise UnknownNameError("projection method", options.method, METHODS)
    if options.inputs not in TRANSFORMS:
        raise UnknownNameError("input transform", options.inputs, TRANSFORMS)
    require_finite("--penalty", options.penalty)
    counts = {
        "episodes": options.episodes,
        "validation_episodes": options.validation_episodes,
    }
    check_numbers(options.seed, **counts)

    def project(
        source: BaseAlgorithm, target: BaseAlgorithm, env: VecEnv, **changes: Any
    ) -> ProjectionReport:
        given: dict[str, Any] = {"method": options.method, **counts, **changes}
        return project_agents(
            source,
            target,
            env,
            penalty=options.penalty,
            transform=options.inputs,
            seed=options.seed,
            **given,
        )

    return project


def lines(found: Reports) -> list[str]:
    """Return the numbers of all projections, and the layers of the agent's, as text."""
    report = found["agent"]
    numbers = [["", *found]]
    for name in ("error", "saturation", "coverage"):
        numbers.append([name, *(f"{getattr(r, name):.3f}" for r in found.values())])
    rows = layer_labels(report.projection.source_layers).values()
    columns = layer_labels(report.projection.target_layers).values()
    layers = [["", *columns]]
    for row, shares in zip(rows, report.layers, strict=True):
        layers.append([row, *(f"{share:.0%}" for share in shares)])
    left = 1 - report.layers.sum(axis=0)  # Share of units without a projection.
    layers.append(["nothing", *(f"{abs(share):.0%}" for share in left)])
    return [
        *aligned(numbers),
        f"on {report.validation_inputs} inputs, made from {report.inputs} others",
        "",
        "what each target layer (column) reads from each source layer (row):",
        *aligned(layers),
    ]


def draw(found: Reports) -> Figure:
    """Return a heat map of each projection's layers; all share one colour scale."""
    rows, columns = found["agent"].layers.shape
    size = (
        max(4.0, 1.4 + 0.55 * columns) * len(found) + 0.6,
        max(2.8, 1.4 + 0.5 * rows),
    )
    figure = new_figure(size)
    heading(figure, TITLE)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    top = max(float(report.layers.max()) for report in found.values()) or 1.0
    for axes, (name, report) in zip(panels, found.items(), strict=True):
        _heat(axes, report, top)
        if len(found) > 1:
            title = f"{name}, error {report.error:.2f}"
            axes.set_title(title, loc="left", color=INK, fontsize=10)
    bar = figure.colorbar(panels[-1].images[0], ax=list(panels), shrink=0.8)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bar.ax.tick_params(colors=INK, labelsize=8, length=0)
    bar.outline.set_visible(False)
    return figure


def _heat(axes: Axes, report: ProjectionReport, top: float) -> None:
    axes.imshow(report.layers, cmap=HEAT, vmin=0, vmax=top, aspect="auto")
    for (row, column), share in np.ndenumerate(report.layers):
        colour = "white" if share > DARK * top else INK
        text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
        axes.text(column, row, f"{share:.0%}", color=colour, **text)
    label_layers(axes, report.projection.target_layers)
    labels = list(layer_labels(report.projection.source_layers).values())
    if all(label.startswith("layer ") for label in labels):
        labels = [label.removeprefix("layer ") for label in labels]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("hidden layer of the target", color=INK, fontsize=9)
    axes.set_ylabel("hidden layer of the source", color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    axes.spines[:].set_visible(False)
