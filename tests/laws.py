"""The laws of surgery as checks of any policy: users', on images, with memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
import zoo
from cutting import cut, is_exact, make_constant, silence_readers
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import SB3PruneError
from sb3_prune.surgery import add, keep, merge, remove, split, trial
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.targets import target_networks


def says(policy: nn.Module) -> list[torch.Tensor]:
    """Return what every forward of a policy says about a few inputs."""
    return [tensor for _, tensor in trial.outputs(policy, count=8)]


# Law 1.


def assert_dead_units_go(policy: nn.Module, seed: int = 0) -> None:
    """Law 1: removing units that nothing reads changes no output."""
    plan = cut(policy, seed, is_exact)
    for name, change in plan.items():
        silence_readers(sp.wire(policy)[name], change.removed.tolist())
    before = says(policy)
    sp.apply(policy, plan)
    zoo.assert_close(says(policy), before, 1e-6)


def assert_constants_move(copied: Callable[[], nn.Module]) -> set[str]:
    """Law 1: so does removing constant units, unless the report says why not.

    Args:
        copied: Makes copies of the policy.

    Returns:
        The layers whose constants moved into biases.
    """
    _, report = _without_constants(copied(), is_exact)
    policy = copied()
    moved, report = _without_constants(
        policy, lambda la: is_exact(la) and not report.unfolded.keys() & names(la)
    )
    assert not report.unfolded
    return moved


def names(layer: HiddenLayer) -> set[str]:
    """Return the names of a layer and of its targets."""
    return {twin.name for twin in layer.with_targets()}


def _without_constants(
    policy: nn.Module, only: Callable[[HiddenLayer], bool]
) -> tuple[set[str], sp.Report]:
    """Remove constant units; outputs stay equal if the report says that all moved."""
    plan = cut(policy, 3, only)
    for name, change in plan.items():
        make_constant(sp.wire(policy)[name], change.removed.tolist())
    before = says(policy)
    report = sp.apply(policy, plan)
    if not report.unfolded:
        zoo.assert_close(says(policy), before, 1e-5)
    return set(plan), report


# Law 2.


def assert_two_cuts_are_one(
    copied: Callable[[], nn.Module], first: int, second: int
) -> None:
    """Law 2: cut A then B = cut A and B."""
    twice, once = copied(), copied()
    a = cut(twice, first)
    sp.apply(twice, a)
    b = cut(twice, second)
    sp.apply(twice, b)
    sp.apply(once, a.then(b))
    zoo.assert_same(zoo.snapshot(once), zoo.snapshot(twice))


def assert_growth_can_be_cut(policy: nn.Module, seed: int | None) -> None:
    """Law 2: grow, then cut what was grown = identity, bit for bit."""
    before = zoo.snapshot(policy)
    layers = {n: la for n, la in sp.wire(policy).items() if not la.group.two_sided}
    units = {name: layer.units for name, layer in layers.items()}
    sp.apply(policy, {name: add(3, n, seed) for name, n in units.items()})
    wiring = sp.wire(policy)
    assert {name: wiring[name].units - 3 for name in units} == units
    sp.apply(policy, {name: keep(range(n), n + 3) for name, n in units.items()})
    zoo.assert_same(zoo.snapshot(policy), before)


def assert_twins_say_the_same(policy: nn.Module) -> None:
    """Law 2: units that get twins leave the outputs equal; merged, they are as before.

    Layers whose units an operation mixes are left out: it counts the twins.
    """
    before, said = zoo.snapshot(policy), says(policy)
    layers = {n: la for n, la in sp.wire(policy).items() if not la.group.two_sided}
    units = {n: la.units for n, la in layers.items() if not la.mixes}
    sp.apply(policy, {name: split([0, n - 1], n) for name, n in units.items()})
    zoo.assert_close(says(policy), said, 1e-5)
    back = {
        name: merge([[0, n], *([i] for i in range(1, n - 1)), [n - 1, n + 1]], n + 2)
        for name, n in units.items()
    }
    sp.apply(policy, back)
    zoo.assert_same(zoo.snapshot(policy), before)


def assert_nothing_is_nothing(policy: nn.Module) -> None:
    """Law 2: an empty plan changes nothing, bit for bit."""
    before = zoo.snapshot(policy)
    sp.apply(policy, sp.Plan())
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


# Law 3.


def live_parameters(policy: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are to learn, by name."""
    targets = {name for names in target_networks(policy).values() for name in names}
    named = policy.named_parameters()
    return {n: p for n, p in named if n.partition(".")[0] not in targets}


def holders(policy: nn.Module) -> dict[str, list[str]]:
    """Return the optimisers that step each live parameter, by its name."""
    found: dict[str, list[str]] = {}
    for name, parameter in live_parameters(policy).items():
        found[name] = [
            key
            for key, optimizer in optimizers(policy).items()
            for group in optimizer.param_groups
            if any(p is parameter for p in group["params"])
        ]
    return found


def assert_optimised(policy: nn.Module, shared: str = "?") -> None:
    """Law 3: every live parameter is in one optimiser, with state of its shape.

    Args:
        policy: The policy.
        shared: Start of the names of those that two optimisers step, as TD3's do with
            an extractor of actor and critics.
    """
    for name, keys in holders(policy).items():
        assert len(keys) == (2 if name.startswith(shared) else 1), name
    live = set(map(id, live_parameters(policy).values()))
    for optimizer in optimizers(policy).values():
        held = {id(p) for g in optimizer.param_groups for p in g["params"]}
        assert set(map(id, optimizer.state)) <= held <= live
        for p, state in optimizer.state.items():
            moments = [v for k, v in state.items() if k != "step" and v is not None]
            assert moments and all(moment.shape == p.shape for moment in moments)


def assert_learning_goes_on(
    model: BaseAlgorithm, steps: int = 64, shared: str = "?"
) -> None:
    """Law 3: the optimisers hold what is live, and the next updates move it."""
    assert_optimised(model.policy, shared)
    before = {n: p.clone() for n, p in live_parameters(model.policy).items()}
    zoo.train_on(model, steps)
    after = live_parameters(model.policy)
    still = [name for name, p in after.items() if torch.equal(p, before[name])]
    assert not still
    assert_optimised(model.policy, shared)


# Law 4.


def assert_masked_and_cut_stay_equal(
    masked: BaseAlgorithm, same: BaseAlgorithm, updates: int = 20
) -> None:
    """Law 4: of two equal models, one masked and one cut, updates make the same."""
    plan = cut(masked.policy, 1, lambda la: is_exact(la) and la.gate is not None)
    assert plan
    for model in (masked, same):
        sp.mask(model, plan)
    sp.surgery.remove_closed(same)
    assert sp.wire(masked.policy).active_units() == sp.wire(same.policy).units()
    assert sp.wire(masked.policy).units() != sp.wire(same.policy).units()
    before = says(same.policy)
    zoo.assert_close(says(masked.policy), before, 1e-6)
    for model in (masked, same):
        zoo.update(model, updates)
    after = says(same.policy)
    with pytest.raises(AssertionError):
        zoo.assert_close(after, before, 1e-4)
    zoo.assert_close(says(masked.policy), after, 1e-5)


# Law 5.


def assert_targets_follow(policy: nn.Module, seed: int = 0) -> None:
    """Law 5: online and target networks keep equal shapes."""
    sp.apply(policy, cut(policy, seed))
    pairs = target_networks(policy)
    assert pairs
    for online, targets in pairs.items():
        shapes = _shapes(policy.get_submodule(online))
        for target in targets:
            theirs = _shapes(policy.get_submodule(target))
            # A shared extractor is held by one network online.
            assert shapes.items() >= theirs.items()


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


# Law 7.


def assert_equal_training(
    make_ours: Callable[[], BaseAlgorithm],
    make_stock: Callable[[], BaseAlgorithm],
    steps: int = 64,
) -> None:
    """Law 7: with open gates, training equals the stock policy's, bit for bit."""
    ours, stock = zoo.train(make_ours(), steps), zoo.train(make_stock(), steps)
    found, expected = ours.policy.state_dict(), stock.policy.state_dict()
    assert list(found) == list(expected)
    assert zoo.equal(dict(found), dict(expected))
    for key, optimizer in optimizers(stock.policy).items():
        mine = optimizers(ours.policy)[key]
        assert zoo.equal(mine.state_dict()["state"], optimizer.state_dict()["state"])


# Law 8.


def assert_refused(policy: nn.Module, plan: Mapping[str, Any], why: str) -> None:
    """Law 8: a refused plan leaves the policy untouched, bit for bit."""
    before = zoo.snapshot(policy)
    with pytest.raises(SB3PruneError, match=why):
        sp.apply(policy, plan)
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def assert_wrong_plans_are_refused(policy: nn.Module) -> None:
    """Law 8: so do plans whose last layer is unknown, of another width or infinite."""
    plan = dict(cut(policy))
    last = list(plan)[-1]
    width = plan[last].before
    wrong = plan | {last: remove([0], width + 1)}
    assert_refused(policy, wrong, rf"expects {width + 1} units in")
    assert_refused(policy, plan | {"nowhere.0": remove([0], 5)}, "'nowhere.0'")
    layer = sp.wire(policy)[last].with_targets()[-1]
    layer.like.data[0] = torch.inf
    assert_refused(policy, plan, "are NaN or infinite")
