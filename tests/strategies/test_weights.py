"""Tests for strategies/weights.py."""

from __future__ import annotations

from typing import Any

import pytest
import support
import torch
import zoo

import sb3_prune as sp
from sb3_prune.exceptions import (
    ConfigError,
    NonFiniteError,
    NoObservationsError,
    PlanError,
)
from sb3_prune.pruning import look_at
from sb3_prune.strategies import AgentView, WeightConfig, WeightStrategy
from sb3_prune.surgery.weight_masks import masks_of


class Largest(WeightStrategy):
    """Mask the smallest weights."""

    name = "largest"

    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        return weight.abs()


def strategy(**options: Any) -> Largest:
    return Largest(WeightConfig(**options))


ACTOR = ("mlp_extractor.policy_net",)


def test_the_smallest_weights_of_each_matrix_are_masked() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    before = {n: m.weight.detach().clone() for n, m in linear(model).items()}
    sp.prune(model, strategy(final_sparsity=0.25, networks=ACTOR))
    masks = masks_of(model)
    assert set(masks) == {n for n in before if "policy_net" in n or n == "action_net"}
    for path, mask in masks.items():
        weight = before[path].abs()
        assert int(mask.sum()) == round(0.75 * mask.numel())
        assert float(weight[mask == 0].max()) < float(weight[mask == 1].min())


@pytest.mark.parametrize("distribution", ["uniform", "global"])
def test_weights_that_are_zero_go_first(distribution: str) -> None:
    """As those of a compact agent, whose masks have become plain zeros."""
    model = zoo.train(zoo.make_model("PPO"))
    options = {"networks": ACTOR, "distribution": distribution}
    sp.prune(model, strategy(final_sparsity=0.8, **options))
    plain = sp.compact(model)
    built = sum(m.numel() for m in masks_of(model).values())
    before = {n: m.weight.detach().clone() for n, m in linear(plain).items()}
    masks = strategy(final_sparsity=0.5, **options).propose_masks(look_at(plain, 1.0))
    kept = {path: mask != 0 for path, mask in masks.items()}
    assert sum(int(k.sum()) for k in kept.values()) == pytest.approx(0.5 * built, abs=2)
    for path, stays in kept.items():
        gone, left = before[path][~stays], before[path][stays]
        assert bool(left.all()) or not bool(gone.any())


def test_only_weights_of_the_chosen_network_are_masked() -> None:
    """The first layers of actor and critic read the extractor's units."""
    model = support.make("PPO Cnn")
    sp.prune(model, strategy(final_sparsity=0.5, networks=("features_extractor",)))
    assert masks_of(model)
    assert all(path.startswith("features_extractor") for path in masks_of(model))


def linear(model: Any) -> dict[str, Any]:
    found = model.policy.named_modules()
    return {n: m for n, m in found if isinstance(m, torch.nn.Linear)}


def test_a_network_as_a_whole_has_the_sparsity() -> None:
    """Each of its matrices keeps a weight, small though these may be."""
    model = zoo.train(zoo.make_model("PPO"))
    options = {"final_sparsity": 0.9, "distribution": "global", "networks": ACTOR}
    masks = strategy(**options).propose_masks(look_at(model, 1.0))
    built = sum(mask.numel() for mask in masks.values())
    kept = {path: int(mask.sum()) for path, mask in masks.items()}
    assert kept["action_net"] == 1  # SB3 makes its weights small.
    assert sum(kept.values()) - 1 == round(0.1 * built)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in zoo.ALGORITHMS if n != "TRPO"])
def test_weights_go_while_every_algorithm_trains(name: str) -> None:
    model = zoo.make_model(name)
    callback = sp.PruningCallback(strategy(final_sparsity=0.6, end=0.5, steps=3))
    zoo.train(model, 256, callback=callback)
    masks = masks_of(model)
    assert masks and callback.done
    for path, mask in masks.items():
        assert not bool(model.policy.get_submodule(path).weight[mask == 0].any())


@pytest.mark.slow
def test_silent_units_go_in_the_same_event() -> None:
    model = zoo.make_model("PPO")
    units = model.policy.wiring().units()
    options = {"final_sparsity": 0.95, "networks": ACTOR, "end": 0.5}
    callback = sp.PruningCallback(strategy(**options))
    zoo.train(model, 512, callback=callback)
    left = model.policy.wiring().units()
    assert left != units and all(count >= 1 for count in left.values())
    assert {n: u for n, u in left.items() if "value" in n} == {
        n: u for n, u in units.items() if "value" in n
    }
    # Of the weights that were built, 95 % are gone, whatever was removed with units.
    built = 12 * 4 + 10 * 12 + 2 * 10
    kept = sum(int(mask.sum()) for mask in masks_of(model).values())
    assert kept <= round(0.05 * built) + 2


@pytest.mark.slow
def test_a_resumed_run_is_an_uninterrupted_one(tmp_path: Any) -> None:
    """Half of the events before the save, half of them after it."""

    def options() -> Any:
        made = strategy(final_sparsity=0.6, begin=0.0, end=1.0, steps=8)
        return sp.PruningCallback(made, total_timesteps=512)

    whole, first = zoo.make_model("PPO"), options()
    zoo.train(whole, 256, callback=first)
    whole.save(tmp_path / "half")
    state = first.state_dict()
    half = type(whole).load(tmp_path / "half", whole.get_env())
    second = options()
    second.load_state_dict(state)
    before = {p: m.clone() for p, m in masks_of(half).items()}
    zoo.train(half, 256, callback=second, reset_num_timesteps=False)
    after = masks_of(half)
    assert sum(int(m.sum()) for m in after.values()) < sum(
        int(m.sum()) for m in before.values()
    )
    assert second.done


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"final_sparsity": 1.0}, "final sparsity must be"),
        ({"distribution": "erk"}, "global"),
    ],
)
def test_bad_options(options: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        strategy(**options)


def test_scores_without_observations_leave_the_event_due() -> None:
    class Looks(Largest):
        """Looks at activations as well."""

        def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
            agent.activations()
            return weight.abs()

    model, looks = zoo.make_model("PPO"), Looks()
    with pytest.raises(NoObservationsError):
        looks.propose_masks(look_at(model, 1.0))
    assert looks.propose_masks(look_at(zoo.train(model), 1.0))


def test_gates_of_silent_units_close_once() -> None:
    config = {"final_sparsity": 0.9, "begin": 0.1, "end": 0.3, "steps": 2}
    pruning = sp.PruningCallback("gmp", config, physical=False)
    model = zoo.train(zoo.make_model("PPO"), 512, callback=pruning)
    entries = [tuple(point["units"].values()) for point in pruning.history]
    assert len(entries) <= 7  # At each rollout there would be 17.
    assert sum(sp.wire(model.policy).active_units().values()) < 2 * sum(zoo.ARCH)


class Odd(Largest):
    """Has no number for weights that are zero."""

    name = "odd"

    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        return weight.abs() / weight.abs()


@pytest.mark.parametrize("distribution", ["uniform", "global"])
def test_scores_that_are_no_numbers_are_refused(distribution: Any) -> None:
    model = zoo.train(zoo.make_model("PPO"))
    odd = Odd(WeightConfig(distribution=distribution, networks=ACTOR))
    sp.prune(model, odd)  # A weight that is masked needs no number.
    sp.prune(model, Odd(WeightConfig(final_sparsity=0.9, networks=ACTOR)))
    path, layer = next(iter(linear(model).items()))
    with torch.no_grad():
        layer.weight[masks_of(model)[path] != 0] = 0.0
    again = Odd(WeightConfig(distribution=distribution, networks=ACTOR))
    with pytest.raises(
        NonFiniteError, match=f"scores of '{path}' by the strategy 'odd'"
    ):
        sp.prune(model, again)


@pytest.mark.parametrize(("name", "share"), [("gmp", 0.95), ("gmp", 0.8), ("l1", 0.9)])
def test_closed_gates_are_as_good_as_cuts(name: str, share: float) -> None:
    """Weights of closed units are gone, and take no other weight's place."""
    found = []
    for physical in (True, False):
        options = {"begin": 0.0, "end": 0.6, "steps": 3, "networks": ACTOR}
        given = {"final_sparsity": share, **options}
        pruning = sp.PruningCallback(name, given, physical=physical)
        model = zoo.train(zoo.make_model("PPO"), 256, callback=pruning)
        found.append((sp.wire(model).active_units(), sp.complexity(model).to_dict()))
    assert found[0] == found[1]
    assert found[0][1]["units_deploy"] < sum(zoo.ARCH)


class Listed(Largest):
    """Has a list of scores, or whole numbers."""

    name = "listed"
    whole = False

    def score(self, weight: torch.Tensor, agent: AgentView) -> Any:
        order = torch.arange(weight.numel()).view_as(weight)
        return order if self.whole else order.tolist()


def test_scores_are_tensors_and_may_be_whole_numbers() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    strategy = Listed(WeightConfig(final_sparsity=0.5, networks=ACTOR))
    with pytest.raises(PlanError, match="the strategy 'listed' gives a list"):
        sp.prune(model, strategy)
    strategy.whole = True
    before = sum(sp.wire(model.policy).units().values())
    sp.prune(model, strategy)  # The first rows have the smallest numbers.
    assert sum(sp.wire(model.policy).units().values()) < before
