"""The oracle: what layers held before units were traced, known by their classes.

``slots.json.gz`` was written once by that code, for 51 policies::

    policy: {layer: [layer it follows, [[tensor, axis, side, start], ...]]}

A layer that is no target follows itself. The noise of gSDE counted as columns.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import ofexi_zoo
import pytest
import zoo
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery.flow.slots import Side, Slot

FILE = Path(__file__).with_name("slots.json.gz")
ORACLE: dict[str, dict[str, list[Any]]] = json.loads(gzip.decompress(FILE.read_bytes()))


def make_policy(key: str) -> nn.Module:
    """Make the policy of a key: an algorithm, perhaps of a kind, perhaps a norm."""
    kind, _, rest = key.partition(" ")
    if kind == "OFEXi":
        name, norm = rest.split()
        return ofexi_zoo.make_model(name, ofe={"norm": norm}).policy
    if kind == "stock":
        return zoo.make_model(rest, stock=True).policy
    if kind == "gSDE":
        env = zoo.make_env("SAC")
        return zoo.make_model(rest, use_sde=True, env=env).policy
    return zoo.make_model(key).policy


def found_in(policy: nn.Module) -> dict[str, list[Any]]:
    """Return what is traced, in the oracle's words."""
    paths = {module: name for name, module in policy.named_modules()}

    def say(slot: Slot) -> list[Any]:
        side = Side.COLUMNS if slot.side is Side.NOISE else slot.side
        path = f"{paths[slot.owner]}.{slot.attribute}".lstrip(".")
        return [path, slot.axis, side.value, slot.start]

    return {
        twin.name: [name, sorted(map(say, twin.slots()))]
        for name, layer in sp.wire(policy).items()
        for twin in layer.with_targets()
    }


@pytest.mark.slow
@pytest.mark.parametrize("key", ORACLE)
def test_units_are_found_where_their_classes_said_they_are(key: str) -> None:
    found, expected = found_in(make_policy(key)), ORACLE[key]
    more = {name for name in found if name not in expected}
    assert more == ({"lstm_actor"} if "Recurrent" in key else set())
    for name, (online, slots) in expected.items():
        assert found[name] == [online, slots], name
    assert [name for name in found if name not in more] == list(expected)


def test_the_oracle_knows_every_algorithm_in_every_form() -> None:
    plain = {key for key in ORACLE if " " not in key}
    assert plain == set(zoo.ALGORITHMS)
    assert {f"stock {name}" for name in zoo.STOCK} <= ORACLE.keys()
    forms = [f"{name} {norm}" for name in ofexi_zoo.CASES for norm in ofexi_zoo.NORMS]
    assert {f"OFEXi {form}" for form in forms} <= ORACLE.keys()
    assert len(ORACLE) == 51
