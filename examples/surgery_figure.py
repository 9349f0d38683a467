"""Draw what pruning changes: networks, a target network and Adam's state.

Run ``python -m examples.surgery_figure``. It trains a SAC agent with two hidden layers
of 8 units for a few steps and removes half of the units. It draws the actor, a critic,
the critic's target network and Adam's running means for the actor's second layer,
before and after.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from stable_baselines3 import SAC
from torch import nn

import sb3_prune as sp
from sb3_prune.pruning import look_at, make_strategy
from sb3_prune.surgery import Plan

PICTURE = Path("docs/images/surgery.png")
INK, FAINT, GONE = "#22313f", "#b8c4cc", "#e4572e"
NETWORKS = {
    "actor": "actor.latent_pi",
    "critic": "critic.qf0",
    "target of the critic": "critic_target.qf0",
}
MATRIX = "actor.latent_pi.2"
"""Name of the hidden layer whose optimiser state is drawn."""


def train() -> SAC:
    """Train a tiny agent for a few steps, so that Adam has a state."""
    kwargs: dict[str, Any] = {
        "learning_starts": 50,
        "policy_kwargs": {"net_arch": [8, 8]},
    }
    return SAC(sp.MaskedSACPolicy, "Pendulum-v1", seed=1, device="cpu", **kwargs).learn(
        300
    )


def plan_half(model: SAC) -> Plan:
    """Return the plan that removes the units of smallest magnitude: half of a layer."""
    config = {"final_sparsity": 0.5}
    return make_strategy("magnitude", config).propose(look_at(model, progress=1.0))


def matrices(model: SAC, path: str) -> list[torch.Tensor]:
    """Return the weights of a network's two hidden layers, (units, inputs) each."""
    body = model.policy.get_submodule(path)
    found = [m.weight.detach().clone() for m in body if isinstance(m, nn.Linear)]
    return found[:2]


def means(model: SAC) -> torch.Tensor:
    """Return Adam's running mean of the gradient of the layer, (units, inputs)."""
    weight = sp.wire(model)[MATRIX].module.weight
    state: torch.Tensor = model.actor.optimizer.state[weight]["exp_avg"]
    return state.clone()


def gone_of(plan: Plan, path: str) -> list[set[int]]:
    """Return the units that a plan removes from both hidden layers of a network."""
    online = path.replace("_target", "")
    return [set(plan[f"{online}.{i}"].removed.tolist()) for i in (0, 2)]


def draw_network(axes: Axes, weights: list[torch.Tensor], gone: list[set[int]]) -> None:
    """Draw inputs and two hidden layers; mark the units that will be removed."""
    widths = [weights[0].shape[1], *(len(w) for w in weights)]
    for k, weight in enumerate(weights):
        for i, j in torch.cartesian_prod(*map(torch.arange, weight.shape)).tolist():
            lost = i in gone[k] or (k > 0 and j in gone[k - 1])
            ends = [_height(j, widths[k]), _height(i, widths[k + 1])]
            axes.plot([k, k + 1], ends, color=FAINT, lw=0.25 if lost else 0.6, zorder=1)
    for k, width in enumerate(widths):
        marked = gone[k - 1] if k else set()
        colours = [GONE if i in marked else INK for i in range(width)]
        heights = [_height(i, width) for i in range(width)]
        faces = ["white" if i in marked else INK for i in range(width)]
        axes.scatter([k] * width, heights, s=26, c=faces, edgecolors=colours, zorder=2)
    axes.set(xlim=(-0.3, 2.3), ylim=(-4.4, 4.4))
    axes.axis("off")


def _height(index: int, width: int) -> float:
    return (width - 1) / 2 - index


def draw_matrix(axes: Axes, matrix: torch.Tensor, limit: float) -> None:
    """Draw a matrix, one square per entry; all matrices have the same scale."""
    axes.imshow(matrix.numpy(), cmap="RdBu", vmin=-limit, vmax=limit)
    axes.set(xlim=(-0.5, 7.5), ylim=(7.5, -0.5))
    axes.axis("off")


def draw(before: SAC, after: SAC, plan: Plan) -> Figure:
    """Return the figure: the agent before pruning above the agent after pruning."""
    figure = Figure(figsize=(9.6, 4.4), dpi=150, layout="constrained")
    grid = figure.subplots(2, 4)
    for column, (title, path) in enumerate(NETWORKS.items()):
        draw_network(grid[0, column], matrices(before, path), gone_of(plan, path))
        draw_network(grid[1, column], matrices(after, path), [set(), set()])
        grid[0, column].set_title(title, color=INK, fontsize=10)
    limit = float(means(before).abs().max())
    for row, model in enumerate((before, after)):
        draw_matrix(grid[row, 3], means(model), limit)
    grid[0, 3].set_title("Adam's state (actor)", color=INK, fontsize=10)
    for row, text in enumerate(("before", "after")):
        grid[row, 0].text(-0.55, 0, text, rotation=90, va="center", color=INK)
    return figure


def main() -> None:
    """Train two equal agents, prune one, and draw both."""
    torch.set_num_threads(1)
    before, after = train(), train()
    plan = plan_half(after)
    sp.apply(after, plan)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(before, after, plan).savefig(PICTURE)
    print(f"{sp.complexity(before).units} units became {sp.complexity(after).units}")
    print(PICTURE)


if __name__ == "__main__":
    main()
