"""Tests for pluggable.py."""

from dataclasses import dataclass

import pytest

from sb3_prune.exceptions import ConfigError
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


def test_something_else_is_no_configuration() -> None:
    said = r"Thing takes an instance of Config, got .* Where 'thing' stands for"
    for odd in ({"size": 5}, 5, Thing):
        with pytest.raises(ConfigError, match=said):
            Thing(odd)


def test_a_configuration_is_kept_as_it_is() -> None:
    config = Thing.Config(size=5)
    assert Thing(config).config is config
