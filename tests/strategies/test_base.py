"""Tests for strategies/base.py."""

from __future__ import annotations

from typing import Any

import pytest
import zoo

import sb3_prune as sp
from sb3_prune.exceptions import PlanError
from sb3_prune.pruning import look_at
from sb3_prune.strategies import plan_of
from sb3_prune.surgery import remove

LAYER = "actor.latent_pi.0"


class Proposing(zoo.FirstUnits):
    """Propose whatever one likes."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def propose(self, agent: Any) -> Any:
        return self.make()


def test_a_mapping_of_changes_is_a_plan() -> None:
    agent = look_at(zoo.make_model("SAC"), 0.0)
    found = plan_of(Proposing(lambda: {LAYER: remove([0], 12)}), agent)
    assert isinstance(found, sp.Plan) and list(found) == [LAYER]
    assert plan_of(Proposing(sp.Plan), agent) == {}


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"actor.99": remove([0], 12)}, "Unknown hidden layer 'actor.99'"),
        ({LAYER: remove([0], 13)}, f"it expects 13 units in '{LAYER}', which has 12"),
    ],
)
def test_a_plan_for_another_agent_is_refused_with_the_strategy(
    plan: Any, said: str
) -> None:
    agent = look_at(zoo.make_model("SAC"), 0.0)
    with pytest.raises(PlanError, match=f"'first-units' proposes no plan: {said}"):
        plan_of(Proposing(lambda: plan), agent)


NO_PLANS: dict[str, Any] = {
    "a list": lambda: [1],
    "an empty list": list,
    "a number": lambda: 3,
    "zero": lambda: 0,
    "nothing": lambda: None,
    "no change": lambda: {LAYER: None},
    "no change in a plan": lambda: sp.Plan({LAYER: None}),  # type: ignore[dict-item]
    "no unit": lambda: sp.Plan({LAYER: remove([99], 12)}),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", NO_PLANS)
@pytest.mark.parametrize("way", ["now", "training", "masks"])
def test_what_is_no_plan_is_refused_with_the_strategy(kind: str, way: str) -> None:
    strategy, model = Proposing(NO_PLANS[kind]), zoo.make_model("SAC")
    with pytest.raises(PlanError, match="strategy 'first-units' proposes no plan: "):
        if way == "now":
            sp.prune(model, strategy)
        else:
            pruning = sp.PruningCallback(strategy, physical=way == "training")
            zoo.train(model, 16, callback=pruning)
    assert sp.wire(model).units()[LAYER] == 12
