"""Tests for transplanting/columns.py."""

from __future__ import annotations

import pytest
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery import wire
from sb3_prune.surgery.flow.ports import find_ports
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.transplanting.columns import (
    BESIDES,
    Columns,
    find_columns,
    places_behind,
    reads_flat,
    trace_columns,
)
from transplanting.looks import SPACES, image, numbers, untrained


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
