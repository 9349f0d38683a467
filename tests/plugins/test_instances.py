"""Tests for instances.py."""

from __future__ import annotations

from typing import Any

import pytest

import sb3_prune as sp
from sb3_prune import plugins
from sb3_prune.exceptions import ConfigError, PluginError, UnknownNameError
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


class Bare(sp.Strategy):
    """A strategy as a first try may look."""

    name = "bare"

    def propose(self, agent: Any) -> sp.Plan:
        """Propose nothing."""
        del agent
        return sp.Plan()


class Deaf(Bare):
    """A strategy whose constructor forgets the one above it."""

    def __init__(self) -> None:
        """Do nothing."""


def test_what_an_instance_lacks_is_named() -> None:
    with pytest.raises(PluginError, match="Bare has no Config: give it a frozen"):
        sp.PruningCallback(Bare())
    with pytest.raises(PluginError, match=r"Deaf has no config: call super\(\)"):
        sp.PruningCallback(Deaf())
