"""Budgets: how much of the experiments of Feldotto et al. 2022 a run carries out."""

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
    """Initial widths of agents: units of each of the six hidden layers."""
    joints: tuple[int, ...]
    """Joint numbers of the arms between whose agents projections are computed."""
    taus: tuple[float, ...]
    """Thresholds of the sweep."""
    sweep_width: int = 48
    """Initial width of the agents in the sweep over thresholds."""
    read_width: int = 256
    """Initial width of the agents for which readings of the threshold are compared."""
    map_width: int = 128
    """Initial width of the agents that are looked into and projected."""
    updates: int = 40_000
    """Largest number of gradient steps to train an agent."""
    retrain: int = 15_000
    """Largest number of gradient steps to retrain an agent in a round."""
    rounds: int = 3
    """Number of rounds of merging and retraining."""
    episodes: int = 300
    """Number of episodes recorded per round."""


SMOKE = Budget(
    name="smoke",
    agents=1,
    widths=(32,),
    joints=(2, 3),
    taus=(0.0, 0.2),
    sweep_width=32,
    read_width=32,
    map_width=32,
    updates=100,
    retrain=50,
    rounds=2,
    episodes=20,
)
SMALL = Budget(
    name="small",
    agents=5,
    widths=(32, 48, 128, 256, 512),
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
