"""Tests for exporting/widths.py; most are in test_compaction.py and test_scratch.py."""

from __future__ import annotations

from typing import Any

import pytest
import zoo
from images import LOOKERS

import sb3_prune as sp
from sb3_prune.exceptions import CompactError
from sb3_prune.exporting.compaction import compact
from sb3_prune.exporting.widths import twins, width_arguments


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_unpruned_widths_are_those_that_were_given(name: str) -> None:
    arch: Any = width_arguments(zoo.make_model(name).policy)["net_arch"]
    lists = arch.values() if isinstance(arch, dict) else [arch]
    assert all(widths == zoo.ARCH for widths in lists)


def test_each_network_has_its_own() -> None:
    model = zoo.make_model("PPO")
    sp.apply(model, {"mlp_extractor.value_net.2": sp.surgery.remove([0], zoo.ARCH[1])})
    first, second = zoo.ARCH
    expected = {"pi": [first, second], "vf": [first, second - 1]}
    assert width_arguments(model.policy) == {"net_arch": expected}


@pytest.mark.parametrize(
    ("name", "cell"), [("RecurrentPPO", "lstm_actor"), ("RecurrentPPO", "lstm_critic")]
)
def test_memories_have_an_argument_of_their_own(name: str, cell: str) -> None:
    policy = zoo.make_model(name).policy
    assert width_arguments(policy)["lstm_hidden_size"] == 8
    assert getattr(policy, cell).hidden_size == 8


def test_twins_share_a_number() -> None:
    found = [
        [layer.name for layer in pair] for pair in twins(zoo.make_model("SAC").policy)
    ]
    assert ["critic.qf0.0", "critic.qf1.0"] in found
    assert ["critic.qf0.2", "critic.qf1.2"] in found
    assert len(found) == 4


def test_channels_have_no_argument_and_compact_says_what_to_do() -> None:
    model = LOOKERS["PPO-Cnn"].make()
    sp.apply(model, {"features_extractor.cnn.0": sp.surgery.remove([0], 32)})
    message = "'features_extractor.cnn.0' has 31 of 32 units, and no argument of "
    message += "MaskedActorCriticCnnPolicy sets its width."
    with pytest.raises(CompactError) as found:
        width_arguments(model.policy)
    assert str(found.value) == message
    with pytest.raises(CompactError, match="Save the agent by"):
        compact(model)
