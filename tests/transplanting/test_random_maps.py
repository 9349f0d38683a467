"""The laws of transplanting, for random maps and every algorithm."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
import zoo
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

import sb3_prune as sp
from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.transplanting import plan_transplant, transplant, transplant_into
from sb3_prune.transplanting.carrying import tensors
from sb3_prune.transplanting.ids import Sources
from transplanting.made import OBSERVATIONS, env_of, trained
from transplanting.test_transplants import acts, seen, states

pytestmark = pytest.mark.slow
ACTIONS = 4
every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)
few = settings(max_examples=3, deadline=None)
HELD = ("exp_avg", "square_avg")
"""A moment of each optimiser that the algorithms have."""


def orders(count: int) -> st.SearchStrategy[list[int]]:
    """Draw orders of all entries."""
    return st.permutations(range(count))


def supersets(count: int, most: int = 3) -> st.SearchStrategy[Any]:
    """Draw maps in which every old entry is one new entry, and some are new."""
    new = st.integers(1, most)
    return new.flatmap(lambda k: st.permutations([*range(count), *[None] * k]))


def inverse(sources: Any) -> list[int]:
    """Return where the old entries are."""
    return [sources.index(old) for old in range(len(sources) - sources.count(None))]


widths = st.lists(st.integers(1, 4), min_size=2, max_size=2).map(
    lambda more: [12 + more[0], 10 + more[1]]
)


def assert_identical(one: Any, other: Any) -> None:
    """Assert that two agents are the same, bit for bit, optimisers included."""
    zoo.assert_same(tensors(one.policy), tensors(other.policy))
    assert zoo.equal(states(one), states(other))


@every_algorithm
@few
@given(seed=st.integers(0, 99))
def test_the_same_spaces_and_sizes_are_the_identity(name: str, seed: int) -> None:
    old = trained(name)
    maps = {"observations": list(range(5)), "actions": list(range(4))}
    assert_identical(transplant(old, env=env_of(name), seed=seed, **maps), old)


@every_algorithm
@few
@given(order=orders(OBSERVATIONS))
def test_permuted_observations_give_the_same_behaviour(
    name: str, order: list[int]
) -> None:
    old = trained(name)
    new = transplant(old, env=env_of(name), observations=order)
    zoo.assert_close(acts(new, seen()[:, order]), acts(old, seen()), 1e-5)
    back = transplant(new, env=env_of(name), observations=inverse(order))
    assert_identical(back, old)


@pytest.mark.parametrize("name", [n for n in zoo.ALGORITHMS if n != "BranchingDQN"])
@few
@given(order=orders(ACTIONS))
def test_permuted_actions_give_permuted_behaviour(name: str, order: list[int]) -> None:
    old = trained(name)
    new = transplant(old, env=env_of(name), actions=order)
    before, after = acts(old, seen()), acts(new, seen())
    if isinstance(old.action_space, spaces.Box):
        zoo.assert_close(after, before[:, order], 1e-5)
    else:
        assert [order[action] for action in after] == before.tolist()
    assert_identical(transplant(new, env=env_of(name), actions=inverse(order)), old)


def together(name: str, acted: Sources) -> Sources:
    """Return the map with the choices of the last branch at its end, unmixed."""
    if name != "BranchingDQN":
        return acted
    last = (2, 3)
    return tuple(sorted(acted, key=lambda action: action in last))


@every_algorithm
@few
@given(observed=supersets(OBSERVATIONS), acted=supersets(ACTIONS), arch=widths)
def test_what_was_grown_and_pruned_leaves_no_trace(
    name: str, observed: Sources, acted: Sources, arch: list[int]
) -> None:
    """From A to a superset B and back, in spaces and in widths at once."""
    old = trained(name)
    acted = together(name, acted)
    env = env_of(name, len(observed), len(acted))
    more = {"observations": observed, "actions": acted, "net_arch": arch}
    new = transplant(old, env=env, **more)
    ours, theirs = sp.wire(old).units(), sp.wire(new).units()
    sp.apply(
        new, {layer: sp.keep(range(k), theirs[layer]) for layer, k in ours.items()}
    )
    less = {"observations": inverse(observed), "actions": inverse(acted)}
    back = transplant(new, env=env_of(name), **less)
    assert_identical(back, old)


@cache
def labelled(name: str) -> Any:
    """Return an agent whose moments are its weights, so that both can be compared."""
    model = zoo.train(zoo.make_model(name, env=env_of(name)), 96)
    for optimizer in optimizers(model.policy).values():
        for weight, state in optimizer.state.items():
            for key in HELD:
                if key in state:
                    state[key].copy_(weight.detach())
    return model


@every_algorithm
@few
@given(observed=supersets(OBSERVATIONS), acted=supersets(ACTIONS), arch=widths)
def test_moments_go_where_their_weights_go(
    name: str, observed: Sources, acted: Sources, arch: list[int]
) -> None:
    old: Any = labelled(name)
    acted = together(name, acted)
    env = env_of(name, len(observed), len(acted))
    more = {"observations": observed, "actions": acted, "net_arch": arch}
    new = transplant(old, env=env, **more)
    carried = plan_transplant(old, env=env, **more).tensors
    paths = {weight: path for path, weight in new.policy.named_parameters()}
    found = 0
    for optimizer in optimizers(new.policy).values():
        for weight, state in optimizer.state.items():
            for moment in (state[key] for key in HELD if key in state):
                same = int((moment == weight).sum())
                assert same >= carried[paths[weight]].carried
                found += 1
    assert found or name == "TRPO"


def broken(count: int) -> st.SearchStrategy[Any]:
    """Draw maps that are wrong: their length, an index, or what they are."""
    good = list(range(count))
    places = st.integers(0, count - 1)
    wrong = st.sampled_from([count, -1, True, 1.5, "x"])
    changed = st.tuples(places, wrong).map(
        lambda pair: [*good[: pair[0]], pair[1], *good[pair[0] + 1 :]]
    )
    named = st.permutations(good).map(lambda order: {"old": good, "new": order[1:]})
    return st.one_of(changed, named, st.sampled_from(["", 3, [None] * count, good[1:]]))


@every_algorithm
@few
@given(which=st.sampled_from(["observations", "actions"]), data=st.data())
def test_a_refused_transplant_leaves_both_untouched(
    name: str, which: str, data: Any
) -> None:
    count = OBSERVATIONS if which == "observations" else ACTIONS
    wrong = data.draw(broken(count))
    old, new = trained(name), zoo.make_model(name, env=env_of(name))
    before = [_everything(model) for model in (old, new)]
    with pytest.raises(TransplantError):
        transplant_into(new, old, **{which: wrong})
    assert zoo.equal(before, [_everything(model) for model in (old, new)])


def _everything(model: Any) -> list[Any]:
    """Return copies of all tensors and of the optimisers' states."""
    weights = {k: t.clone() for k, t in tensors(model.policy).items()}
    held = [copy.deepcopy(o.state_dict()) for o in optimizers(model).values()]
    return [weights, held, model.num_timesteps]
