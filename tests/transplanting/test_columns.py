"""Tests for transplanting/columns.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery import wire
from sb3_prune.surgery.flow.ports import find_ports
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.transplanting import plan_transplant, transplant
from sb3_prune.transplanting.columns import (
    BESIDES,
    Columns,
    find_columns,
    places_behind,
    reads_flat,
    trace_columns,
)
from transplanting.looks import SPACES, env_of, image, numbers, said, untrained


def test_a_first_layer_reads_entries_and_features() -> None:
    policy = untrained("PPO", SPACES["keys"]).policy
    ports = find_ports(policy)
    known = {name: (port, name, 0) for name, port in ports.items()}
    layers = wire(policy)
    found = find_columns(policy, known, layers.values(), {})
    labels = found["mlp_extractor.policy_net.0", "weight", 1].labels
    eye = "features_extractor.extractors.eye.linear.0"
    assert labels[:3] == tuple(("observations.arm", i, 0) for i in range(3))
    assert labels[3:5] == tuple(("observations.ball", i, 0) for i in range(2))
    assert labels[5:] == tuple((eye, i, 0) for i in range(256))
    assert found["features_extractor.extractors.eye.cnn.0", "weight", 1].labels == (
        ("observations.eye", 0, 0),
        ("observations.eye", 1, 0),
    )
    fewer = find_columns(policy, known, layers.values(), {eye: 2})
    assert len(fewer["mlp_extractor.policy_net.0", "weight", 1].labels) == 7


def test_flattened_pictures_have_positions() -> None:
    policy = untrained("PPO", image(1, 44, 44)).policy
    layers, last = wire(policy), "features_extractor.cnn.4"
    behind = places_behind(policy, [layers[last]])
    found = find_columns(policy, {}, layers.values(), {}, [*behind])
    (place,) = found
    assert place == ("features_extractor.linear.0", "weight", 1)
    assert found[place].labels[:5] == (
        *((last, 0, position) for position in range(4)),
        (last, 1, 0),
    )


def test_what_lies_between_is_counted_through() -> None:
    policy = untrained("PPO", numbers(3)).policy
    (port,) = find_ports(policy).values()
    owner = policy.mlp_extractor.policy_net[0]
    known = {"two": (port, "two", 5)}
    whole = find_columns(policy, known, [], {})
    assert whole["mlp_extractor.policy_net.0", "weight", 1].labels[0] == ("two", 5, 0)
    hidden = wire(policy)["mlp_extractor.policy_net.0"]
    behind = [*places_behind(policy, [hidden])]
    assert behind == [("mlp_extractor.policy_net.2", "weight", 1)]
    other = find_columns(policy, {}, [hidden], {}, behind)
    assert len(other["mlp_extractor.policy_net.2", "weight", 1].labels) == 8
    assert reads_flat(Slot(owner, "weight", 1, Side.COLUMNS))
    assert not reads_flat(Slot(nn.Conv2d(1, 1, 1), "weight", 1, Side.COLUMNS))


def test_columns_are_found_by_what_they_read() -> None:
    slot = Slot(nn.Linear(3, 1), "weight", 1, Side.COLUMNS)
    old = Columns(slot=slot, labels=(("x", 0, 0), ("x", 1, 0), (BESIDES, 0, 0)))
    new = Columns(slot=slot, labels=((BESIDES, 0, 0), ("y", 7, 0), ("x", 1, 0)))
    found = trace_columns(old, new, "w", lambda x: None if x[0] == "y" else x)
    assert found == (2, None, 1)
    with pytest.raises(TransplantError, match="'w' of the new agent reads y, number 7"):
        trace_columns(old, new, "w", lambda label: label)


class Squares(BaseFeaturesExtractor):
    """Observations and their squares, each of which the next layer reads."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, 2 * space.shape[0])

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.cat([observations, observations.square()], 1)


class Gated(BaseFeaturesExtractor):
    """Observations times what a layer says about each of them."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, space.shape[0])
        self.gate = torch.nn.Linear(space.shape[0], space.shape[0])

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return observations * self.gate(observations).sigmoid()


@pytest.mark.parametrize("extractor", [Squares, Gated])
@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
@pytest.mark.parametrize(
    "order", [[4, 2, 0, 1, 3], [0, 1, 2, 3, 4, None], [None, 3, 2, None, 1, 0, 4]]
)
def test_observations_that_are_read_in_two_ways(
    extractor: Any, name: str, order: list[int | None]
) -> None:
    kwargs = {"features_extractor_class": extractor}
    old = untrained(name, numbers(5), policy_kwargs=kwargs)
    report = plan_transplant(
        old, env=env_of(name, numbers(len(order))), observations=order
    )
    assert report.dropped == 0
    new = transplant(old, env=env_of(name, numbers(len(order))), observations=order)
    seen = np.random.default_rng(0).uniform(-1, 1, (6, 5)).astype(np.float32)
    shown = np.random.default_rng(1).uniform(-1, 1, (6, len(order)))
    shown = shown.astype(np.float32)
    for place, source in enumerate(order):
        if source is not None:
            shown[:, place] = seen[:, source]
    torch.testing.assert_close(said(new, shown), said(old, seen))


def test_a_label_that_is_read_more_or_less_often() -> None:
    layer = nn.Linear(4, 1)
    slot = Slot(layer, "weight", 1, Side.COLUMNS)
    once = Columns(slot=slot, labels=(("a", 0, 0), ("a", 1, 0)))
    twice = Columns(slot=slot, labels=once.labels * 2)
    assert trace_columns(twice, twice, "x", lambda label: label) == (0, 1, 2, 3)
    other = {("a", 0, 0): ("a", 1, 0), ("a", 1, 0): None}
    assert trace_columns(twice, twice, "x", lambda n: other[n]) == (1, None, 3, None)  # type: ignore[index, return-value]
    for old, new in ((once, twice), (twice, once)):
        with pytest.raises(TransplantError, match="differ in more than their sizes"):
            trace_columns(old, new, "x", lambda label: label)
