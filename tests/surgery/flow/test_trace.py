"""Tests for surgery/flow/trace.py."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.nn.utils import weight_norm as old_weight_norm

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import Gate
from sb3_prune.surgery.flow import trace as trace_module
from sb3_prune.surgery.flow.collect import LOST, UNREAD
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.flow.trace import trace
from surgery.flow.tiny import Net, TinyPolicy, groups, matrix

IMAGE = (3, 4, 4)
UNLIKE = ["PPO", "SAC", "DQN", "CrossQ", "RecurrentPPO"]
"""Algorithms whose networks differ most."""


def chain(*between: nn.Module) -> nn.Sequential:
    """Return two Linears with modules between them."""
    return nn.Sequential(nn.Linear(5, 8), *between, nn.Linear(8, 4))


# Laws.


@pytest.mark.parametrize("name", UNLIKE)
def test_slots_lie_inside_their_tensors_side_by_side(name: str) -> None:
    taken: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for group in trace(zoo.make_model(name).policy):
        for slot in group.slots:
            stop = slot.start + group.units * slot.block
            assert 0 <= slot.start < stop <= slot.tensor.shape[slot.axis]
            taken[id(slot.tensor), slot.axis].append((slot.start, stop))
    for stretches in taken.values():
        stretches.sort()
        ends = [stop for _, stop in stretches]
        assert all(a <= b for a, (b, _) in zip(ends, stretches[1:], strict=False))


@pytest.mark.parametrize("name", UNLIKE)
def test_every_group_has_a_name_of_its_own_and_a_module_there(name: str) -> None:
    policy = zoo.make_model(name).policy
    found = trace(policy)
    assert len({group.name for group in found}) == len(found)
    for group in found:
        assert group.name == group.aliases[0]
        for alias in group.aliases:
            assert policy.get_submodule(alias.partition("[")[0]) is group.module


@pytest.mark.parametrize("name", UNLIKE)
def test_a_policy_is_left_as_it_was(name: str) -> None:
    policy = zoo.make_model(name).policy
    policy.train()
    before, state = zoo.snapshot(policy), torch.get_rng_state()
    trace(policy)
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(m.training for m in policy.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in policy.modules())


def test_a_second_trace_says_the_same() -> None:
    policy = zoo.make_model("SAC").policy
    assert trace(policy) == trace(policy)


# Names and order.


def test_groups_come_in_the_order_of_their_weights_and_know_when_they_ran() -> None:
    parts = {"c": nn.Linear(7, 4), "a": nn.Linear(5, 8), "b": nn.Linear(8, 7)}
    found = groups(TinyPolicy(Net(lambda n, x: n.c(n.b(n.a(x))), **parts)))
    assert list(found) == list(parts)
    assert found["a"].born < found["b"].born < found["c"].born


def test_bare_parameters_are_named_themselves() -> None:
    net = Net(
        lambda n, x: (x @ n.weight1).tanh() @ n.weight2,
        **{"weight1": matrix(5, 8), "weight2": matrix(8, 4)},
    )
    found = groups(TinyPolicy(net))
    assert {name: g.units for name, g in found.items()} == {"weight1": 8, "weight2": 4}


def test_parts_of_a_layer_are_numbered() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(n.a(x)[:, 3:])

    found = groups(TinyPolicy(Net(run, a=nn.Linear(5, 8), out=nn.Linear(5, 4))))
    units = {name: group.units for name, group in found.items()}
    assert units == {"a[0]": 3, "a[1]": 5, "out": 4}
    assert found["a[0]"].fixed == UNREAD


def test_a_tied_decoder_makes_other_units_by_its_transpose() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(n.a(x).tanh(), n.a.weight.t())

    found = groups(TinyPolicy(Net(run, a=nn.Linear(5, 8))))
    assert {name: group.units for name, group in found.items()} == {"a": 8, "a.T": 5}
    assert (found["a"].fixed, found["a.T"].fixed) == (None, "an input")
    assert found["a"].two_sided


class Extractor(BaseFeaturesExtractor):
    """One layer of seven units."""

    def __init__(self, space: spaces.Box) -> None:
        super().__init__(space, 7)
        self.layer = nn.Linear(space.shape[0], 7)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.layer(observations).tanh()


def test_a_shared_extractor_has_every_path() -> None:
    chosen = {"features_extractor_class": Extractor, "net_arch": [6]}
    first, *others = trace(zoo.make_model("PPO", policy_kwargs=chosen).policy)
    shared = [f"{prefix}features_extractor.layer" for prefix in ("", "pi_", "vf_")]
    assert first.aliases == tuple(shared)
    assert not any("extractor.layer" in group.name for group in others)


# What holds units.


def test_new_units_would_be_neutral_wherever_they_are_held() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(n.norm(n.a(x)) * n.scale + n.shift)

    net = Net(
        run, a=nn.Linear(5, 8), norm=nn.BatchNorm1d(8), scale=matrix(8), shift=matrix(8)
    )
    net.out = nn.Linear(8, 4)
    found = groups(TinyPolicy(net))["a"]
    where = {(type(s.owner).__name__, s.attribute): s for s in found.slots}
    neutral = {key: s.neutral for key, s in where.items() if s.side is Side.UNIT}
    ones = [("BatchNorm1d", "weight"), ("BatchNorm1d", "running_var"), ("Net", "scale")]
    zeros = [("BatchNorm1d", "bias"), ("BatchNorm1d", "running_mean"), ("Net", "shift")]
    assert neutral == dict.fromkeys(ones, 1.0) | dict.fromkeys(zeros, 0.0)


def test_places_of_an_image_are_a_block_of_columns() -> None:
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Flatten(), nn.Linear(24, 4))
    found = groups(TinyPolicy(net, IMAGE))["0"]
    places = [(s.attribute, s.axis, s.side, s.start, s.block) for s in found.slots]
    assert places == [
        ("weight", 0, Side.ROWS, 0, 1),
        ("bias", 0, Side.ROWS, 0, 1),
        ("weight", 1, Side.COLUMNS, 0, 4),
    ]
    (read,) = found.reads
    assert (read.slot.owner, read.input_axis, read.exact) == (net[2], -1, True)
    assert read.bias == (net[2], "bias")


def test_readers_come_in_the_order_in_which_they_read() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        hidden = n.a(x)
        return n.second(hidden) * n.first(hidden)

    net = Net(run, a=nn.Linear(5, 8), first=nn.Linear(8, 4), second=nn.Linear(8, 4))
    owners = [read.slot.owner for read in groups(TinyPolicy(net))["a"].reads]
    assert owners == [net.second, net.first]


def test_the_exploration_matrix_of_gsde_reads_units_as_noise() -> None:
    found = trace(zoo.make_model("SAC", use_sde=True).policy)
    last = next(group for group in found if group.name == "actor.latent_pi.2")
    noise = [(s.attribute, s.axis) for s in last.slots if s.side is Side.NOISE]
    assert noise == [("log_std", 0)]
    assert last.fixed is None


def test_what_an_extractor_and_a_bare_norm_remember_of_units_is_known() -> None:
    class Flattened(BaseFeaturesExtractor):
        """A convolution and a norm without tensors."""

        def __init__(self) -> None:
            super().__init__(spaces.Box(-1, 1, IMAGE), 96)
            self.conv = nn.Conv2d(3, 6, 1)
            self.norm = nn.LayerNorm(96, elementwise_affine=False)

        def forward(self, observations: torch.Tensor) -> torch.Tensor:
            return self.norm(self.conv(observations).flatten(1))

    net = nn.Sequential(Flattened(), nn.Linear(96, 4))
    found = groups(TinyPolicy(net, IMAGE))
    widths = [(w.owner, w.attribute, w.block) for w in found["0.conv"].widths]
    assert widths == [
        (net[0].norm, "normalized_shape", 16),
        (net[0], "_features_dim", 16),
    ]
    assert found["1"].widths == ()


# Gates.


def test_a_gate_belongs_to_the_units_that_pass_it_however_often() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        hidden = n.gate(n.a(x))
        return n.out(n.both(torch.cat([n.gate(hidden), n.b(x)], 1)))

    parts = {"a": nn.Linear(5, 8), "b": nn.Linear(5, 6), "out": nn.Linear(14, 4)}
    net = Net(run, **parts, gate=Gate(), both=Gate())
    found = groups(TinyPolicy(net))
    assert found["a"].gates == (net.gate,)
    assert found["b"].gates == ()  # One for two layers is a gate of neither.


def test_a_gate_of_channels_has_their_axis() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 6, 1), Gate(axis=-3), nn.Flatten(), nn.Linear(96, 4)
    )
    assert groups(TinyPolicy(net, IMAGE))["0"].gates == (net[1],)


@pytest.mark.parametrize("fails", [False, True])
def test_gates_are_open_while_units_are_traced(fails: bool) -> None:
    net = chain(Gate(), Picky())
    policy, gate = TinyPolicy(net), net[1]
    gate.close([0], torch.ones(8))
    gate.learn(torch.ones(8))
    tensors = {**gate._parameters, **gate._buffers}
    assert all(tensor is not None for tensor in tensors.values())
    net[2].fails = fails
    if fails:
        with pytest.raises(UnsupportedPolicyError):
            trace(policy)
    else:
        assert {type(s.owner) for s in groups(policy)["0"].slots} == {nn.Linear}
    now = {**gate._parameters, **gate._buffers}
    assert all(now[name] is tensor for name, tensor in tensors.items())


class Picky(nn.Module):
    """Fails, or does nothing."""

    fails = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fails:
            raise ValueError("not today")
        return x


def test_a_forward_that_fails_is_named_and_leaves_no_hook() -> None:
    policy = TinyPolicy(chain(Picky(), Gate(), nn.LayerNorm(8, bias=False)))
    policy.net[1].fails = True
    message = "'_predict' of TinyPolicy fails on inputs drawn from its spaces: ValueErr"
    with pytest.raises(UnsupportedPolicyError, match=re.escape(message)):
        trace(policy)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in policy.modules())


# Why units are fixed.


def test_what_is_returned_or_never_read_is_fixed() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        n.unused(x)
        return n.out(x)

    policy = TinyPolicy(Net(run, unused=nn.Linear(5, 8), out=nn.Linear(5, 4)))
    found = {group.name: group.fixed for group in trace(policy)}
    assert found == {
        "net.unused": LOST,
        "net.out": None,
        "head": "output of _predict",
    }


def test_reparametrised_layers_say_how_to_free_them() -> None:
    net = chain(parametrizations.weight_norm(nn.Linear(8, 8)))
    found = groups(TinyPolicy(net))
    assert str(found["1"].fixed).endswith("remove_parametrizations first")
    assert found["0"].fixed == "no rule for weight_norm"


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm", [parametrizations.weight_norm, old_weight_norm])
def test_a_normed_layer_in_front_of_another_is_a_hidden_layer(
    norm: Callable[[nn.Module], nn.Module], bias: bool
) -> None:
    net = chain(norm(nn.Linear(8, 8, bias=bias)))
    net[0] = norm(nn.Linear(5, 8, bias=bias))
    found = groups(TinyPolicy(net))
    assert found["0"].hidden
    assert str(found["0"].fixed).startswith("no rule for weight_norm; call torch.nn")


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_layers_normed_in_the_old_way_say_so_too() -> None:
    net = chain(old_weight_norm(nn.Linear(8, 8)))
    why = groups(TinyPolicy(net))["1"].fixed
    assert str(why).endswith("torch.nn.utils.remove_weight_norm first")


@pytest.mark.parametrize(
    "name", [*zoo.ALGORITHMS, *(f"OFEXi {name}" for name in ofexi_zoo.FORMS)]
)
def test_forwards_that_repeat_another_one_show_nothing_new(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = ofexi_zoo.make_model if name.startswith("OFEXi") else zoo.make_model
    policy = make(name.removeprefix("OFEXi ")).policy
    quick = [described(group) for group in trace(policy)]
    monkeypatch.setattr(trace_module, "REPEATS", ())
    assert quick == [described(group) for group in trace(policy)]


def described(group: Any) -> tuple[Any, ...]:
    """Return everything of a group that the surgery depends on."""
    slots = [(id(s.tensor), s.axis, s.start, s.block, s.side) for s in group.slots]
    reads = {(id(r.slot.owner), r.slot.attribute, r.slot.start) for r in group.reads}
    gates = list(map(id, group.gates))
    return group.name, group.aliases, group.units, group.fixed, slots, reads, gates
