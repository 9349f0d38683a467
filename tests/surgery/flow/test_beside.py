"""Networks that only look like targets, and what a model holds beside its policy."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from extracted import A, B, assert_refused, extracted
from patched import PI, patched
from sb3_contrib import ARS
from sb3_contrib.ars.policies import ARSPolicy
from stable_baselines3 import PPO
from torch import nn
from torch.optim.swa_utils import AveragedModel

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, UnsupportedPolicyError
from sb3_prune.surgery import remove
from sb3_prune.surgery.targets import strangers, target_networks

# Networks that nothing steps.


def small() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 3))


def pair(policy: Any, observations: Any, actions: Any) -> Any:
    yield "pair", lambda: policy.one(observations) - policy.other(observations)


def with_pair(other: Any = None) -> Any:
    """Return an agent with a network that learns, and one of its shapes that does not.

    Args:
        other: Makes the second of the first; by chance if None.
    """
    model = patched(lambda policy: None)
    policy: Any = model.policy
    type(policy).extra_forwards = pair
    policy.one = small()
    stepped = list(policy.parameters())
    policy.other = small() if other is None else other(policy.one)
    policy.optimizer = torch.optim.Adam(stepped)
    return model


def test_a_random_network_is_no_target_and_told_of() -> None:
    model = with_pair()
    before = [p.clone() for p in model.policy.other.parameters()]
    assert target_networks(model.policy) == {}
    sp.apply(model, {"one.0": remove([0, 3], 12)})
    assert zoo.equal(before, list(model.policy.other.parameters()))
    report = sp.apply(model, {"other.0": remove([0, 3], 12)})
    assert report.strangers == {"other": "one"}
    assert any("name it 'one_target'" in line for line in report.remarks())


def test_a_teacher_that_moved_away_before_it_was_seen_is_no_target() -> None:
    model = with_pair(lambda one: copy.deepcopy(one).requires_grad_(False))
    with torch.no_grad():
        model.policy.other[0].weight.mul_(1.5)
    vars(model.policy).pop("_followers", None)
    vars(model.policy).pop("_wiring_cache", None)
    assert strangers(model.policy) == {"other": "one"}
    assert {"one.0", "other.0"} < set(sp.wire(model.policy))


def test_an_average_that_was_a_copy_when_it_was_seen_stays_a_target() -> None:
    model = with_pair(copy.deepcopy)
    assert target_networks(model.policy) == {"one": ["other"]}
    with torch.no_grad():
        model.policy.other[0].weight.mul_(1.5)
    assert target_networks(model.policy) == {"one": ["other"]}
    report = sp.apply(model, {"one.0": remove([0, 3], 12)})
    assert model.policy.other[0].out_features == 10 and not report.strangers


def test_what_the_models_own_optimiser_steps_is_no_target() -> None:
    model = with_pair(copy.deepcopy)
    assert "other.0" not in sp.wire(model.policy)
    model.own = torch.optim.Adam(model.policy.other.parameters())
    sp.apply(model, {"one.0": remove([0, 3], 12)})
    assert model.policy.other[0].out_features == 12
    assert "other.0" in sp.wire(model.policy)


def test_the_wiring_is_found_anew_when_an_optimiser_takes_a_target_up() -> None:
    model = with_pair(copy.deepcopy)
    assert "other.0" not in sp.wire(model.policy)
    taken = {"params": list(model.policy.other.parameters())}
    model.policy.optimizer.add_param_group(taken)
    assert "other.0" in sp.wire(model.policy)


def test_a_target_of_another_width_fixes_its_layer() -> None:
    model = with_pair()
    policy = model.policy
    policy.one_target = policy.other
    policy.one_target[0], policy.one_target[2] = nn.Linear(4, 7), nn.Linear(7, 3)
    del policy.other
    type(policy).extra_forwards = lambda self, o, a: [
        ("pair", lambda: self.one(o) - self.one_target(o))
    ]
    why = "its target 'one_target.0' has 7 units"
    assert sp.wire(policy).fixed == {"one.0": why}
    sp.apply(model, {f"{PI}.0": remove([0], 12)})


# Beside the policy.


def reads_features(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.a(x).relu()).relu()


class WithHead(PPO):
    """Reads the features with a head of its own."""

    def _setup_model(self) -> None:
        super()._setup_model()
        self.aux = nn.Linear(8, 4)


class WithAverage(PPO):
    """Averages its weights."""

    def _setup_model(self) -> None:
        super()._setup_model()
        self.average = AveragedModel(self.policy)


def test_a_head_on_the_model_fixes_what_it_may_read() -> None:
    model = extracted(reads_features, cls=WithHead)
    assert_refused(model, PlanError, rf"'{B}' cannot change: .*'model.aux.weight'", B)
    assert list(sp.wire(model).fixed) == [B]
    assert sp.apply(model, {A: remove([0], 12)}).units == {A: (12, 11)}
    assert list(sp.wire(model.policy).fixed) == [B]


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("transposed", [True, False])
def test_a_convolution_on_the_model_fixes_all_channels_that_it_may_read(
    transposed: bool, groups: int
) -> None:
    made: Any = nn.ConvTranspose1d if transposed else nn.Conv1d
    model = extracted(reads_features)
    model.decoder = made(12, 4, 3, groups=groups)
    assert A in sp.wire(model).fixed
    model = extracted(reads_features)
    model.decoder = made(4, 12, 3, groups=groups)  # It makes twelve, and reads four.
    assert A not in sp.wire(model).fixed


def test_an_average_of_the_policy_on_the_model_fixes_all_that_it_holds() -> None:
    model = extracted(reads_features, cls=WithAverage)
    why = (
        "'model.average.module' looks like a copy of the policy, and would keep its "
        "units: take it away while units change, and copy anew afterwards"
    )
    assert_refused(model, PlanError, re.escape(why))
    assert not sp.wire(model) and set(sp.wire(model).fixed.values()) == {why}
    del model.average
    sp.apply(model, {A: remove([0], 12)})
    model.average = AveragedModel(model.policy)
    model.learn(32)
    model.average.update_parameters(model.policy)


def test_a_copy_from_before_a_cut_is_still_called_a_copy() -> None:
    model = extracted(reads_features)
    teacher = copy.deepcopy(model.policy)
    sp.apply(model, {A: remove([0], 12)})
    model.teacher = teacher
    whys = sp.wire(model).fixed
    assert whys and all(
        why.startswith("'model.teacher' looks") for why in whys.values()
    )


def test_a_copy_of_a_stock_policy_is_called_so_by_prune() -> None:
    model = zoo.make_model("DQN", stock=True)
    model.average = AveragedModel(model.policy)
    why = r"q_net.q_net.0: 'model.average.module' looks like a copy of the policy, "
    with pytest.raises(UnsupportedPolicyError, match=why):
        sp.prune(model)


class MaskedARSPolicy(sp.MaskedPolicyMixin, ARSPolicy):
    """The masked class that the error for an unknown policy class asks for."""


@pytest.mark.parametrize("masked", [True, False])
def test_parameters_that_are_written_back_from_a_vector_fix_all_units(
    masked: bool,
) -> None:
    cls = MaskedARSPolicy if masked else ARSPolicy
    model = ARS(cls, "CartPole-v1", n_delta=1, policy_kwargs={"net_arch": [16]})
    why = "'model.weights' holds all 114 parameters of the policy as a vector, which"
    assert sp.wire(model).fixed["action_net.0"].startswith(why)
    with pytest.raises(UnsupportedPolicyError, match=why):
        sp.prune(model)
    callback = sp.PruningCallback("magnitude", {"final_sparsity": 0.5})
    with pytest.raises(UnsupportedPolicyError, match=why):
        model.learn(100, callback=callback)
    assert model.num_timesteps == 0
    parameters = nn.utils.parameters_to_vector(model.policy.parameters())
    assert torch.equal(parameters, model.weights)


@pytest.mark.parametrize("kind", [np.zeros, torch.zeros])
def test_populations_of_parameters_fix_all_units(kind: Any) -> None:
    model: Any = ARS("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [16]})
    total = sum(p.numel() for p in model.policy.parameters())
    model.weights = None
    model.other = kind((3, total + 1))
    assert sp.wire(model)
    model.population = kind((3, total))
    wiring = sp.wire(model)
    whys = wiring.fixed.values()
    assert not wiring and all("'model.population' holds" in why for why in whys)


def test_where_an_optimiser_steps_a_vector_is_a_copy() -> None:
    """As for the distance of the weights from where they began."""
    model: Any = zoo.make_model("PPO")
    model.start = nn.utils.parameters_to_vector(model.policy.parameters()).detach()
    assert sp.prune(model, "magnitude", {"final_sparsity": 0.5}).units


def test_a_copy_of_a_part_of_the_policy_is_called_so() -> None:
    model = extracted(reads_features)
    model.old = nn.ModuleList([copy.deepcopy(model.policy.features_extractor)])
    why = sp.wire(model).fixed[A]
    assert why.startswith("'model.old.0' looks like a copy of 'features_extractor', ")


def test_another_network_of_the_class_of_a_part_is_no_copy() -> None:
    model = extracted(reads_features)
    model.other = type(model.policy.features_extractor)(model.observation_space)
    model.other.c = nn.Linear(12, 2)
    assert sp.wire(model).fixed[A].startswith("no forward reads 'model.other.")


def test_what_the_model_shares_with_its_policy_is_not_beside_it() -> None:
    model = extracted(reads_features)
    model.same = nn.Sequential(model.policy.features_extractor.b)
    assert not sp.wire(model).fixed


def test_a_lazy_layer_asks_to_be_run_first() -> None:
    model = patched(lambda policy: None)
    model.policy.late = nn.LazyLinear(3)
    with pytest.raises(UnsupportedPolicyError, match=r"'late' of .* is lazy .* once"):
        sp.wire(model.policy)
