"""Tests for surgery/rollback.py: fail anywhere, and nothing has happened."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from images import LOOKERS, REMEMBERING
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import add, execution, folding, keep, remove, trial
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.rollback import rollback
from sb3_prune.surgery.wiring import Wiring

MAKERS: dict[str, Callable[[], BaseAlgorithm]] = {
    **{n: (lambda n=n: zoo.make_model(n)) for n in ("CrossQ", "RecurrentPPO", "TD3")},
    "gSDE": lambda: zoo.make_model("SAC", use_sde=True),
    "images": LOOKERS["SAC-Cnn-shared"].make,
    "memory": REMEMBERING["LSTM-MultiInput"].make,
    "users'": lambda: make_user_model("two-speed", sp.MaskedPolicyMixin),
}
POINTS = {
    "folding": (folding.Folding, "fold"),
    "new tensors": (execution, "new_tensors"),
    "new states": (execution, "_states"),
    "put in place": (execution, "_put"),
    "optimisers": (execution, "move_state"),
    "dimensions": (execution, "sync_dimensions"),
    "memory": (execution, "follow_memory"),
    "caches": (execution, "refresh_caches"),
    "the new wiring": (sys.modules["sb3_prune.surgery.surgeon"], "wire"),
}


class BrokenError(Exception):
    """Something that nobody expected."""


def everything(model: Any) -> dict[str, Any]:
    """Return what must come back: values, and which objects hold them."""
    policy = model.policy
    found: dict[str, Any] = zoo.snapshot(policy)
    found["objects"] = {n: id(t) for n, t in policy.state_dict(keep_vars=True).items()}
    found["modules' numbers"] = {
        path: {k: v for k, v in vars(m).items() if type(v) in (int, tuple, str, bool)}
        for path, m in policy.named_modules()
    }
    for name, optimizer in optimizers(model).items():
        groups = optimizer.param_groups
        found[f"held by {name}"] = [[id(p) for p in g["params"]] for g in groups]
        found[f"state of {name}"] = {
            id(p): {k: (id(v), copy.deepcopy(v)) for k, v in state.items()}
            for p, state in optimizer.state.items()
        }
    found["model"] = {k: id(v) for k, v in vars(model).items()}
    stats = {k: v for k, v in vars(model).items() if "batch_norm_stats" in k}
    found["statistics"] = {k: list(map(id, v)) for k, v in stats.items()}
    buffer = vars(getattr(model, "rollout_buffer", None) or model.replay_buffer)
    arrays = {k: v for k, v in buffer.items() if isinstance(v, np.ndarray)}
    found["buffer"] = {k: (id(v), v.shape) for k, v in arrays.items()}
    for module in policy.modules():
        if hasattr(module, "action_dist"):
            held = vars(module.action_dist).items()
            found["noise"] = {k: id(v) for k, v in held if torch.is_tensor(v)}
    return found


def assert_all_is_back(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert zoo.equal(found[key], value), key


def break_behind(
    point: str, patch: pytest.MonkeyPatch, error: BaseException, units: Any = None
) -> None:
    """Let a step of surgery fail right when it is done.

    Args:
        point: The step.
        patch: Patches it.
        error: What it raises.
        units: Units before; a wiring that still has them is none that fails.
    """
    owner, name = POINTS[point]
    original = getattr(owner, name)

    def broken(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if isinstance(result, Wiring) and result.units() == units:
            return result
        raise error

    patch.setattr(owner, name, broken)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_a_failure_anywhere_leaves_everything_as_it_was(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = zoo.train(MAKERS[kind](), 40)
    units = sp.wire(model.policy).units()
    plan = {n: add(1, k, 1).then(remove([0], k + 1)) for n, k in units.items()}
    plan[next(iter(plan))] = remove([0], next(iter(units.values())))
    trial.require_trial(model.policy, set(plan))
    before = everything(model)
    for point in POINTS:
        with monkeypatch.context() as patch:
            break_behind(point, patch, BrokenError(point), units)
            with pytest.raises(BrokenError, match=f"^{point}$"):
                sp.apply(model, plan)
        assert_all_is_back(everything(model), before)
        assert sp.wire(model.policy).units() == units
    sp.apply(model, plan)
    with pytest.raises(AssertionError):
        assert_all_is_back(everything(model), before)
    zoo.train_on(model, 40)


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError()])
def test_an_interruption_counts_as_failure(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = zoo.train(zoo.make_model("SAC"))
    before = everything(model)
    break_behind("dimensions", monkeypatch, error)
    with pytest.raises(type(error)):
        sp.apply(model, zoo.random_plan(model.policy))
    assert_all_is_back(everything(model), before)


def test_a_later_step_of_a_plan_undoes_the_earlier_ones() -> None:
    model = zoo.train(zoo.make_model("RecurrentPPO"), 40)
    plan = zoo.random_plan(model.policy)
    wide = torch.full((2, plan["lstm_actor"].after), 3e38)
    infinite = sp.Change(rows=wide, columns=wide.T)
    before = everything(model)
    with pytest.raises(sp.SB3PruneError):
        sp.apply(model, plan.then(sp.Plan({"lstm_actor": infinite})))
    assert_all_is_back(everything(model), before)


def test_a_block_that_succeeds_keeps_what_it_did() -> None:
    model = zoo.make_model("DQN")
    with rollback(model):
        model.policy.q_net.q_net[0].out_features = 99
    assert model.policy.q_net.q_net[0].out_features == 99


def test_attributes_that_are_new_are_gone_and_lists_are_the_same_lists() -> None:
    model: Any = zoo.make_model("CrossQ")
    model.names = names = ["a"]
    with pytest.raises(BrokenError), rollback(model):
        model.policy.new = 1
        model.other = 2
        names.append("b")
        del model.policy.actor.mu.weight
        raise BrokenError
    assert not hasattr(model, "other") and not hasattr(model.policy, "new")
    assert model.names is names == ["a"]
    assert model.policy.actor.mu.weight is not None


def test_a_policy_alone_is_put_back() -> None:
    policy = zoo.copied("SAC")
    before = zoo.snapshot(policy)
    with pytest.raises(BrokenError), rollback(policy):
        execution.carry_out(policy, zoo.random_plan(policy))
        raise BrokenError
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_what_shares_a_weight_beside_the_policy_is_put_back_and_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model: Any = zoo.make_model("PPO")
    linear = model.policy.mlp_extractor.policy_net[0]
    model.side = nn.Linear(4, 12)
    model.side.weight, model.side.bias = linear.weight, linear.bias
    weight, plan = linear.weight, {"mlp_extractor.policy_net.0": remove([1], 12)}
    with monkeypatch.context() as patch:
        break_behind("caches", patch, BrokenError())
        with pytest.raises(BrokenError):
            sp.apply(model, plan)
    assert model.side.weight is linear.weight is weight
    assert model.side.out_features == 12
    sp.apply(model, plan)
    assert model.side.weight is linear.weight
    assert model.side.out_features == linear.out_features == 11


class AtLeastSix(nn.ReLU):
    """Fails where fewer than six units arrive."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] >= 6, "too few units"
        return super().forward(x)


def test_a_plan_whose_result_cannot_run_is_refused() -> None:
    """A trial removes a third of the units, and a plan may remove more."""
    model = zoo.train(
        zoo.make_model("PPO", policy_kwargs={"activation_fn": AtLeastSix})
    )
    before = everything(model)
    layer = "mlp_extractor.policy_net.0"
    with pytest.raises(UnsupportedPolicyError, match=r"fails on inputs.*too few units"):
        sp.apply(model, {layer: keep(range(5), 12)})
    assert_all_is_back(everything(model), before)
    sp.apply(model, {layer: keep(range(6), 12)})
    zoo.train_on(model)
