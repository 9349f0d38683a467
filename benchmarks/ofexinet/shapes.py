"""Shapes: the sizes that Prune-B ends with, and two other ways to come to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sb3_prune_xinet import XiNet
from torch import nn

import sb3_prune as sp
from benchmarks.ofexinet.budget import PRUNE_B, SMALL, Task
from sb3_prune.exceptions import JobError
from sb3_prune.strategies import AgentView, Strategy
from sb3_prune.strategies.scores import product
from sb3_prune.surgery import Plan, keep
from sb3_prune.surgery.targets import target_networks

SEEDS = SMALL.seeds[:2]
"""Seeds of the Prune-Bs whose sizes count; later ones change no size."""


def final_units(task: Task, results: Path) -> dict[str, int]:
    """Return layer name -> units at the end of the small budget's Prune-B, the mean.

    Args:
        task: The environment.
        results: Folder of the results.

    Raises:
        JobError: A Prune-B is not finished.
    """
    found = [_units_in(results, task, seed) for seed in SEEDS]
    return {n: round(float(np.mean([u[n] for u in found]))) for n in found[0]}


def _units_in(results: Path, task: Task, seed: int) -> dict[str, int]:
    path = results / SMALL.name / task.label / f"{PRUNE_B.name}-{seed}.json"
    if not path.is_file():
        raise JobError(
            f"'{path}' does not exist: the sizes that {PRUNE_B.name} ends with in "
            f"{task.label} are those of the seeds {SEEDS} of the budget "
            f"'{SMALL.name}'. Train these first."
        )
    units: dict[str, int] = json.loads(path.read_bytes())["history"][-1]["units"]
    return units


@dataclass(frozen=True)
class _NoOptions:
    """A strategy without options."""


class ToSizes(Strategy):
    """Cut each layer to a given number of units, those with the largest weights.

    Args:
        units: Layer name -> units that stay.
    """

    name = "to-sizes"
    Config = _NoOptions

    def __init__(self, units: Mapping[str, int]) -> None:
        super().__init__()
        self.units = dict(units)

    @property
    def compensates(self) -> bool | None:
        """The units that stay take over what removed ones did, if they can."""
        return None

    def propose(self, agent: AgentView) -> Plan:
        """Return the plan that keeps the units with the largest product of norms."""
        plan = {}
        for name, layer in agent.wiring.items():
            best = product(layer).topk(self.units[name]).indices
            plan[name] = keep(sorted(best.tolist()), layer.units)
        return Plan(plan)


class DrawingOnly(XiNet):
    """Learn and draw as ``xinet`` does, but remove no unit.

    At ``end`` every gate opens again. What then differs from an agent that never drew
    is what drawing did to the weights; what differs from ``xinet`` is the size as well.
    """

    name = "drawing-only"

    @torch.no_grad()
    def propose(self, agent: AgentView) -> Plan:
        """Return an empty plan; open every gate once ``end`` has been passed."""
        super().propose(agent)
        if agent.progress >= self.config.end:
            for layer in agent.wiring.values():
                for twin in layer.with_targets():
                    if twin.gate is not None and twin.gate.theta is not None:
                        twin.gate.theta.fill_(1.0)
        return Plan({})


def shrink_untrained(model: Any, units: Mapping[str, int]) -> None:
    """Give an untrained agent smaller layers, and weights that are drawn for them."""
    layers = sp.wire(model.policy).items()
    sp.apply(model, Plan({n: keep(range(units[n]), la.units) for n, la in layers}))
    policy = model.policy
    for module in policy.modules():
        if isinstance(module, nn.Module) and hasattr(module, "reset_parameters"):
            module.reset_parameters()
    nn.init.xavier_uniform_(policy.ofe.f_pred.weight)
    nn.init.zeros_(policy.ofe.f_pred.bias)
    for online, names in target_networks(policy).items():
        weights = policy.get_submodule(online).state_dict()
        for name in names:
            policy.get_submodule(name).load_state_dict(weights)
