"""Nobody trains a replaced parameter without being told."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
import zoo
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, RetiredParameterError
from sb3_prune.surgery import remove
from sb3_prune.surgery.retired import RetiredParameter


def cut(model: Any) -> None:
    name, layer = next(iter(sp.wire(model).items()))
    sp.apply(model, {name: remove([0], layer.units)})


class Second(BaseCallback):
    """Steps an optimiser of its own after every rollout, as an auxiliary loss does."""

    def __init__(self, *, follows: bool) -> None:
        super().__init__()
        self.follows, self.moved = follows, 0

    def _on_training_start(self) -> None:
        self.optimizer = torch.optim.Adam(self.model.policy.parameters())
        if self.follows:
            vars(self.model)["second"] = self.optimizer

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        before = [p.detach().clone() for p in self.model.policy.parameters()]
        self.optimizer.zero_grad()
        sum(p.square().sum() for p in self.model.policy.parameters()).backward()
        self.optimizer.step()
        after = self.model.policy.parameters()
        self.moved = sum(
            not torch.equal(a, b) for a, b in zip(before, after, strict=True)
        )


@pytest.mark.parametrize("follows", [True, False])
def test_an_optimiser_of_a_callback_follows_or_is_told(follows: bool) -> None:
    model, second = zoo.make_model("PPO"), Second(follows=follows)
    pruning = sp.PruningCallback("magnitude", {"final_sparsity": 0.5, "begin": 0.2})

    def learn() -> None:
        model.learn(64 * 10, callback=[second, pruning])

    if not follows:
        with pytest.raises(RetiredParameterError, match="an attribute of the model"):
            learn()
        assert second.moved == len(list(model.policy.parameters()))  # Before the cut.
        return
    learn()
    assert second.moved == len(list(model.policy.parameters()))


USES: list[Callable[[Any], object]] = [
    lambda held: torch.optim.SGD(held, lr=0.1).step(),
    lambda held: torch.optim.AdamW(held).zero_grad(),
    lambda held: nn.utils.clip_grad_norm_(held, 1.0),
    lambda held: [p.grad for p in held],
    lambda held: [setattr(p, "grad", None) for p in held],
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_who_held_parameters_is_told_only_if_they_were_replaced(
    name: str, use: Callable[[Any], object]
) -> None:
    model = zoo.train(zoo.make_model(name))
    held = list(model.policy.parameters())
    use(held)
    cut(model)
    now = set(map(id, model.policy.parameters()))
    old = [p for p in held if id(p) not in now]
    assert old and len(old) < len(held)
    with pytest.raises(RetiredParameterError, match=r"of shape \(\d+"):
        use(old)
    use([p for p in held if id(p) in now])
    use(list(model.policy.parameters()))
    zoo.train_on(model)


def test_a_refused_plan_retires_nothing() -> None:
    model = zoo.make_model("PPO")
    name, layer = next(iter(sp.wire(model).items()))
    vars(model)["mine"] = [next(iter(layer.slots())).tensor]
    with pytest.raises(PlanError, match=r"'model.mine' holds"):
        sp.apply(model, {name: remove([0], layer.units)})
    assert not any(isinstance(p, RetiredParameter) for p in model.policy.parameters())
    assert all(p.grad is None for p in model.policy.parameters())


def test_what_is_retired_can_be_read_copied_pickled_and_goes() -> None:
    model = zoo.make_model("PPO")
    old = next(model.policy.parameters())
    graph = (old * 2).sum()
    before = old.detach().clone()
    cut(model)
    for one in (old, copy.deepcopy(old), pickle.loads(pickle.dumps(old))):
        assert torch.equal(one, before) and str(one)
    graph.backward()  # A graph from before the cut stays valid.
    gone = weakref.ref(old)
    del old, one, graph
    gc.collect()
    assert gone() is None
