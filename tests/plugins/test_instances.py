"""Tests for instances.py."""

from __future__ import annotations

from typing import Any

import pytest

from sb3_prune import plugins
from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.plugins.instances import instance_of

KINDS = pytest.mark.parametrize(
    ("kind", "name", "noun"),
    [("strategies", "magnitude", "strategy"), ("screeners", "entropy", "screener")],
)


@KINDS
def test_names_and_instances(kind: str, name: str, noun: str) -> None:
    built = instance_of(kind, name)
    assert type(built) is plugins.get(kind, name)
    assert instance_of(kind, built) is built
    with pytest.raises(ConfigError, match=f"The {noun} '{name}' is built already"):
        instance_of(kind, built, {"a": 1})
    with pytest.raises(UnknownNameError, match=name):
        instance_of(kind, "nothing")


@KINDS
def test_what_is_neither(kind: str, name: str, noun: str) -> None:
    cls: Any = plugins.get(kind, name)
    with pytest.raises(ConfigError, match=rf"{noun} must be .*pass {cls.__name__}\(\)"):
        instance_of(kind, cls)
    given: Any = 3
    with pytest.raises(ConfigError, match=f"instance of a {noun}, got 3"):
        instance_of(kind, given)
