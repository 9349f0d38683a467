"""Tests for transplanting/modules.py: laws over kinds of networks, and errors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting import transplant_module
from sb3_prune.transplanting.carrying import tensors

Widths = tuple[int, int]


def mlp(inputs: int = 5, outputs: int = 4, widths: Widths = (7, 6)) -> nn.Module:
    a, b = widths
    return nn.Sequential(
        *(nn.BatchNorm1d(inputs), nn.Linear(inputs, a), nn.Tanh(), nn.Dropout(0.5)),
        *(nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU(inplace=True)),
        nn.Linear(b, outputs),
    )


def cnn(inputs: int = 5, outputs: int = 4, widths: Widths = (7, 6)) -> nn.Module:
    a, b = widths
    return nn.Sequential(
        *(nn.Conv2d(inputs, a, 3, padding=1), nn.BatchNorm2d(a), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Conv2d(a, b, 2), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(4 * b, outputs), nn.LogSoftmax(-1)),
    )


def all_conv(inputs: int = 5, outputs: int = 4, widths: Widths = (7, 6)) -> nn.Module:
    a, b = widths
    return nn.Sequential(
        *(nn.Conv2d(inputs, a, 3), nn.GELU(), nn.Conv2d(a, b, 2), nn.GELU()),
        nn.Conv2d(b, outputs, 1),
    )


def flat(inputs: int = 5, outputs: int = 4, widths: Widths = (7, 6)) -> nn.Module:
    a, _ = widths
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36 * inputs, a), nn.ReLU(), nn.Linear(a, outputs)
    )


def series(inputs: int = 5, outputs: int = 4, widths: Widths = (7, 6)) -> nn.Module:
    return Recurrent(inputs, outputs, widths)


class Recurrent(nn.Module):
    """An LSTM and what reads its last state."""

    def __init__(self, inputs: int, outputs: int, widths: Widths) -> None:
        super().__init__()
        self.memory = nn.LSTM(inputs, widths[0], batch_first=True)
        self.body = nn.Linear(widths[0], widths[1])
        self.head = nn.Linear(widths[1], outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        said: torch.Tensor = self.head(self.body(self.memory(inputs)[0][:, -1]).relu())
        return said


NETWORKS: dict[str, tuple[Callable[..., nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, ()),
    "cnn": (cnn, (6, 6)),
    "all_conv": (all_conv, (6, 6)),
    "flat": (flat, (6, 6)),
    "series": (series, (3,)),
}
"""How a network is made, and the further axes of its inputs."""
LAST = ("mlp", "series")
"""Networks whose inputs lie along the last axis."""
MIXED = ("cnn",)
"""Networks whose outputs are a softmax: each depends on the others."""


def seen(name: str, inputs: int = 5) -> torch.Tensor:
    """Return 16 inputs of a network."""
    generator = torch.Generator().manual_seed(1)
    positions = NETWORKS[name][1]
    shape = (16, *positions, inputs) if name in LAST else (16, inputs, *positions)
    return torch.randn(shape, generator=generator)


def made(name: str, seed: int = 0, **sizes: Any) -> nn.Module:
    torch.manual_seed(seed)
    return NETWORKS[name][0](**sizes)


def trained(name: str, **sizes: Any) -> nn.Module:
    """Return a network that took some steps, so that statistics are its own."""
    net = made(name, **sizes)
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    for _ in range(3):
        optimizer.zero_grad()
        net(seen(name, sizes.get("inputs", 5))).square().mean().backward()
        optimizer.step()
    return net


@torch.no_grad()
def says(net: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return outputs of a copy in evaluation mode."""
    found: torch.Tensor = copy.deepcopy(net).eval()(inputs.clone())
    return found


def carry(name: str, old: nn.Module, new: nn.Module, **maps: Any) -> Any:
    """Transplant, and check that the old module stays as it was."""
    before, mode = copy.deepcopy(old.state_dict()), old.training
    report = transplant_module(old, new, example=seen(name), **maps)
    zoo.assert_same(old.state_dict(), before)
    assert old.training is mode and new.training
    assert report.carried + report.new == sum(t.numel() for t in tensors(new).values())
    return report


def along(name: str, values: torch.Tensor, places: Any) -> torch.Tensor:
    """Return entries of inputs in another order."""
    return values.index_select(-1 if name in LAST else 1, torch.tensor(places))


# Laws.


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_sizes_are_the_identity(name: str) -> None:
    old, new = trained(name), made(name, 7)
    report = carry(name, old, new)
    zoo.assert_same(dict(new.state_dict()), dict(old.state_dict()))
    assert (report.new, report.dropped) == (0, 0) and report.moved < 1e-6


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=4, deadline=None)
@given(reads=st.permutations(range(5)), makes=st.permutations(range(4)))
def test_permuted_ids_give_permuted_behaviour(
    name: str, reads: list[int], makes: list[int]
) -> None:
    old, new = trained(name), made(name, 7)
    report = carry(name, old, new, inputs=reads, outputs=makes)
    found = says(new, along(name, seen(name), reads))
    expected = says(old, seen(name)).index_select(1, torch.tensor(makes))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert report.moved < 1e-6 and report.dropped == 0


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.filterwarnings("error")
def test_wider_and_with_more_inputs_it_says_the_same(name: str) -> None:
    old, new = trained(name), made(name, 7, inputs=7, widths=(11, 9))
    names = {"old": list("abcde"), "new": list("xcaebdy")}
    report = carry(name, old, new, inputs=names)
    wide = seen(name, 7)
    kept = along(name, wide, [2, 4, 1, 5, 3])
    torch.testing.assert_close(says(new, wide), says(old, kept), atol=1e-6, rtol=1e-5)
    assert report.moved < 1e-6 and report.dropped == 0 < report.new
    assert report.observations == (None, 2, 0, 4, 1, 3, None)


@pytest.mark.parametrize("name", NETWORKS)
def test_there_and_back_is_the_identity(name: str) -> None:
    old = trained(name)
    wide = made(name, 7, inputs=6, outputs=6, widths=(11, 6))
    some = [3, None, 0, 1, None, 2]
    carry(name, old, wide, inputs=[1, 0, None, 2, 3, 4], outputs=some)
    # New units are read by zeros, so their score is the lowest.
    again = made(name, 8)
    back = {"inputs": [1, 0, 3, 4, 5], "outputs": [2, 3, 5, 0]}
    transplant_module(wide, again, example=seen(name, 6), **back)
    zoo.assert_same(dict(again.state_dict()), dict(old.state_dict()))


@pytest.mark.parametrize("name", NETWORKS)
def test_old_outputs_stay_beside_new_ones(name: str) -> None:
    old, new = trained(name), made(name, 7, outputs=6)
    report = carry(name, old, new, outputs=[2, 0, None, 1, 3, None])
    found, expected = says(new, seen(name)), says(old, seen(name))
    if name in MIXED:  # What a softmax of old classes alone says.
        found = found[:, [1, 3, 0, 4]].log_softmax(1)
        assert report.left[0].startswith("softmax mixes the outputs")
    else:
        found = found[:, [1, 3, 0, 4]]
        assert report.moved < 1e-6 and report.left == ()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert report.rule == "fresh" and report.actions[2] is None


@pytest.mark.parametrize("name", NETWORKS)
def test_only_the_trunk_is_carried(name: str) -> None:
    old, new = trained(name), made(name, 7, outputs=4)
    last = list(new.state_dict())[-1].rpartition(".")[0]
    fresh = copy.deepcopy(new.get_submodule(last).state_dict())
    report = carry(name, old, new, outputs="fresh")
    for path, tensor in new.state_dict().items():
        inside = path.startswith(last)
        was = fresh[path.removeprefix(f"{last}.")] if inside else old.state_dict()[path]
        assert torch.equal(tensor, was), path
    assert report.moved == 0.0
    assert "All outputs are new, so none was compared." in report.left
    assert "outputs of new actions: fresh" in str(report)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_new_learns(name: str) -> None:
    new = made(name, 7, inputs=6, outputs=5, widths=(11, 9))
    maps = {"inputs": [*range(5), None], "outputs": [*range(4), None]}
    carry(name, trained(name), new, **maps)
    before = {n: p.detach().clone() for n, p in new.named_parameters()}
    optimizer = torch.optim.Adam(new.parameters(), 0.01)
    for _ in range(3):
        optimizer.zero_grad()
        (new(seen(name, 6)) - 1).square().mean().backward()
        optimizer.step()
    for path, now in new.named_parameters():
        assert not torch.equal(now, before[path]), path


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_weak_units_go_wherever_they_are(name: str) -> None:
    old, new = trained(name, widths=(9, 6)), made(name, 7)
    first, reader = [m for m in old if isinstance(m, nn.Linear | nn.Conv2d)][:2]
    with torch.no_grad():  # Dead: nothing reads units 0 and 4.
        reader.weight[:, [0, 4]] = 0.0
    report = carry(name, old, new)
    torch.testing.assert_close(says(new, seen(name)), says(old, seen(name)))
    kept = next(m for m in new if isinstance(m, type(first))).weight
    assert torch.equal(kept, first.weight[[1, 2, 3, 5, 6, 7, 8]])
    assert report.dropped > 0 == report.new


def test_vectors_need_no_example_and_double_stays_double() -> None:
    old, new = made("mlp").double(), made("mlp", 7, widths=(9, 9)).double()
    report = transplant_module(old, new)
    assert report.states == "draws" and report.moved < 1e-12
    inputs = seen("mlp").double()
    torch.testing.assert_close(says(new, inputs), says(old, inputs))
    assert "outputs moved by at most" in str(report)


class Sum(nn.Module):
    """Adds what it gets to what it makes of it, by layers that have other names."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(inputs, width), nn.Linear(width, inputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + self.last(self.first(inputs).relu())


def test_inputs_that_are_outputs_have_one_map() -> None:
    old, new, order = Sum(4, 6), Sum(4, 8), [2, 0, 3, 1]
    with pytest.raises(TransplantError, match="both have the same map"):
        transplant_module(old, new, inputs=order)
    transplant_module(old, new, inputs=order, outputs=order)
    inputs = torch.randn(8, 4)
    zoo.assert_close([new(inputs[:, order])], [old(inputs)[:, order]], 1e-6)


def test_layers_are_matched_by_order_not_by_name() -> None:
    old = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    new = nn.Sequential()
    new.add_module("body", nn.Linear(4, 7))
    new.add_module("bend", nn.ReLU())
    new.add_module("out", nn.Linear(7, 2))
    report = transplant_module(old, new)
    assert list(report.tensors) == [
        *("body.weight", "body.bias", "out.weight", "out.bias"),
    ]
    inputs = torch.randn(8, 4)
    zoo.assert_close([new(inputs)], [old(inputs)], 1e-6)


def test_other_activation_functions_are_warned_of() -> None:
    old = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    new = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    with pytest.warns(UserWarning, match="other activation functions"):
        transplant_module(old, new)


# Errors: a refused transplant leaves both modules untouched.


class Parts(nn.Module):
    """Takes its inputs apart, and puts its outputs together."""

    def __init__(self, left: int = 2, one: int = 3) -> None:
        super().__init__()
        self.left = left
        self.a, self.b = nn.Linear(left, 6), nn.Linear(5 - left, 6)
        self.c, self.d = nn.Linear(6, one), nn.Linear(6, 5 - one)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        parts = self.a(inputs[:, : self.left]) + self.b(inputs[:, self.left :])
        return torch.cat([self.c(parts.relu()), self.d(parts.relu())], dim=1)


def normalised(inputs: int = 5) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, 4))


def middle(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(5, width), nn.LayerNorm(width), nn.Linear(width, 4))


def bare(bias: bool) -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4, bias=bias))


def upwards(width: int) -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(2, width, 2), nn.Conv2d(width, 4, 3))


def ends(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, outputs, 3), nn.Flatten())


VECTORS, SMALL = torch.zeros(8, 5), torch.zeros(8, 2, 4, 4)
REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "sizes": (
        mlp(),
        mlp(6),
        {},
        r"cannot run on inputs of the shape \(1024, 5\).*inputs=",
    ),
    "outputs": (mlp(), mlp(outputs=5), {}, "has 4 outputs, the new one 5"),
    "map": (mlp(), mlp(6), {"inputs": [0, 1]}, r"cannot run on .*\(1024, 2\)"),
    "index": (mlp(), mlp(), {"inputs": [0, 1, 2, 3, 5]}, "cannot be old index 5"),
    "nonsense": (mlp(), mlp(), {"inputs": 3}, "inputs must be either"),
    "word": (mlp(), mlp(), {"outputs": "all"}, "outputs must be either"),
    "kinds": (mlp(), cnn(), {}, "has the layers BatchNorm1d, Linear.*has Conv2d"),
    "depth": (mlp(), bare(True), {}, "must be the same, in the same order"),
    "bias": (bare(True), bare(False), {}, r"has the tensors \['2.bias'\]"),
    "no example": (cnn(), cnn(), {}, "example is missing"),
    "odd": (mlp(), mlp(), {"example": VECTORS[:, :2]}, "cannot run on inputs of"),
    "scalars": (nn.Flatten(0), nn.Flatten(0), {"example": VECTORS}, "one of the shape"),
    "tuple": (nn.LSTM(5, 4), nn.LSTM(5, 4), {"example": VECTORS}, "got a tuple"),
    "apart": (
        Parts(),
        Parts(),
        {"inputs": [1, 0, 2, 3, 4], "example": VECTORS},
        r"The 5 inputs cannot be mapped.*'inputs\[0\]', 'inputs\[1\]'",
    ),
    "together": (
        Parts(),
        Parts(),
        {"outputs": [1, 0, 2, 3, 4], "example": VECTORS},
        "The 5 outputs cannot be mapped.*'module.c', 'module.d'",
    ),
    "parts": (
        Parts(),
        Parts(one=2),
        {"example": VECTORS},
        "'module.c' has 2 units in the new module, but 3",
    ),
    "fixed": (
        upwards(6),
        upwards(7),
        {"example": SMALL},
        r"'0.weight' would have the shape \(2, 6, 2, 2\).*Fixed are .*'module.0'",
    ),
    "mixed": (
        normalised(),
        normalised(6),
        {"inputs": [*range(5), None]},
        "layer_norm mixes them",
    ),
    "wider": (middle(6), middle(7), {}, "'module.0' cannot get wider: layer_norm"),
    "pixels": (
        ends(3),
        ends(3),
        {"outputs": [*range(12)][::-1], "example": SMALL},
        "The 12 outputs cannot be mapped",
    ),
    "groups": (
        nn.Conv2d(2, 4, 3, groups=2),
        nn.Conv2d(2, 4, 3, groups=2),
        {"inputs": [1, 0], "example": SMALL},
        "grouped",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_transplant_changes_nothing(case: str) -> None:
    old, new, given, message = REFUSED[case]
    before = [copy.deepcopy(module.state_dict()) for module in (old, new)]
    with pytest.raises(TransplantError, match=message):
        transplant_module(old, new, **{"example": None, **given})
    for module, state in zip((old, new), before, strict=True):
        zoo.assert_same(dict(module.state_dict()), dict(state))
        assert module.training


def test_modules_that_share_tensors_are_refused() -> None:
    old = mlp()
    with pytest.raises(TransplantError, match="share tensors"):
        transplant_module(old, nn.Sequential(*old))
