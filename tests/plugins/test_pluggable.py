"""Tests for pluggable.py."""

from dataclasses import dataclass

from sb3_prune.plugins.pluggable import Pluggable


class Thing(Pluggable):
    """A thing."""

    name = "thing"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Its options."""

        size: int = 3
        """How large."""


def test_the_default_configuration_is_its_own() -> None:
    assert Thing().config == Thing.Config(size=3)


def test_a_configuration_is_kept_as_it_is() -> None:
    config = Thing.Config(size=5)
    assert Thing(config).config is config
