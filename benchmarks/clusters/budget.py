"""How much of the paper's experiments a run does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Sizes of the experiments."""

    name: str
    """Name of the folder in runs/clusters."""
    agents: int
    """Agents per setting; the paper trained 20."""
    widths: tuple[int, ...]
    """Initial units of each of the six layers."""
    joints: tuple[int, ...]
    """Robots between which agents are projected."""
    taus: tuple[float, ...]
    """Thresholds of the sweep."""
    sweep_width: int = 48
    """Initial width of the agents of the sweep."""
    map_width: int = 256
    """Initial width of the agents that are projected."""
    updates: int = 40_000
    """Gradient steps after which an agent gives up learning."""
    retrain: int = 15_000
    """Gradient steps after which a round gives up retraining."""
    rounds: int = 3
    """Rounds of merging and retraining."""
    episodes: int = 300
    """Episodes recorded per pruning round."""


SMOKE = Budget(
    name="smoke",
    agents=1,
    widths=(32,),
    joints=(2, 3),
    taus=(0.0, 0.2),
    sweep_width=32,
    map_width=32,
    updates=100,
    retrain=50,
    rounds=2,
    episodes=20,
)
SMALL = Budget(
    name="small",
    agents=5,
    widths=(48, 256, 512),
    joints=(2, 3, 4),
    taus=(0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4),
)
PAPER = Budget(
    name="paper",
    agents=20,
    widths=(32, 48, 128, 256, 512),
    joints=(2, 3, 4),
    taus=(0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
)
BUDGETS = {budget.name: budget for budget in (SMOKE, SMALL, PAPER)}
