"""The contract of registered classes."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from sb3_prune import plugins
from sb3_prune.exceptions import ConfigError, PluginError, UnknownNameError
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import KINDS, check_class, find_kind
from sb3_prune.strategies import Strategy
from sb3_prune.surgery import Plan

frozen = dataclass(frozen=True, kw_only=True)


class Idle(Strategy):
    """Does nothing."""

    name = "idle"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """What to do."""

        share: float = 0.5
        """How much of it."""
        mode: Literal["a", "b"] = "a"
        """Which way."""
        layers: tuple[str, ...] = ()
        """Where."""
        limit: int | None = None
        """At most."""

    def propose(self, agent: Any) -> Plan:
        return Plan()


@frozen
class Undocumented(Idle.Config):
    """One field of its own."""

    secret: int = 1


@frozen
class Documented(Idle.Config):
    """One field of its own, one from its parent."""

    own: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    """Well explained."""
    share: float = 0.1
    constant: ClassVar[int] = 3


@frozen
class ExplainedLater(Undocumented):
    """What its parent left out."""

    secret: int = 1
    """Explained at last."""


class Undecorated(Idle.Config):
    """Its field would be ignored."""

    ignored: int = 1


@dataclass(kw_only=True)
class Mutable:
    """Not frozen."""


@dataclass(frozen=True)
class Positional:
    """Not keyword-only."""

    share: float = 0.5
    """Explained."""


@frozen
class Required:
    """No default."""

    share: float
    """Explained."""


@frozen
class Unsayable:
    """Numbers that YAML cannot represent."""

    share: Any = np.float64(0.5)
    """Explained."""
    pair: Any = (1, {"a": [None, "b"]})
    """Explained."""
    keys: Any = dataclasses.field(default_factory=lambda: {1: 2})
    """Explained."""


@frozen
class Misfit:
    """A default of another type."""

    share: float = "half"  # type: ignore[assignment]
    """Explained."""


@frozen
class Refusing:
    """A default that it refuses itself."""

    share: float = 2.0
    """Explained."""

    def __post_init__(self) -> None:
        raise ValueError("share must be at most 1")


@frozen
class RefusingOurWay(Refusing):
    """It refuses with an error of ours."""

    def __post_init__(self) -> None:
        raise ConfigError("share must be at most 1.")


@frozen
class Unresolved:
    """An annotation that does not exist."""

    share: "Missing" = 1  # type: ignore[name-defined]  # noqa: F821
    """Explained."""


def variant(**attributes: Any) -> type[Strategy]:
    common = {"__doc__": "Does nothing.", "__module__": __name__}
    return type("Variant", (Idle,), common | attributes)


@pytest.mark.parametrize("config", [Idle.Config, Documented, ExplainedLater])
def test_good_classes(config: type) -> None:
    check_class("strategies", variant(Config=config))


def test_config_without_source_is_believed() -> None:
    fields = [("secret", int, 1)]
    made = dataclasses.make_dataclass("Made", fields, frozen=True, kw_only=True)
    check_class("strategies", variant(Config=made))


@dataclass(frozen=True, kw_only=True)
class Overwrites:
    """Options with the name of one of ``export``."""

    overwrite: bool = False
    """Whether to."""


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"propose": Strategy.propose}, "leaves propose abstract"),
        ({"name": "Idle"}, "name is 'Idle', expected kebab-case"),
        ({"name": "idle_too"}, "name is 'idle_too', expected kebab-case"),
        ({"name": "-idle"}, "name is '-idle', expected kebab-case"),
        ({"name": None}, "name is None, expected kebab-case"),
        ({"__doc__": None}, "has no docstring"),
        ({"__doc__": "  \n"}, "has no docstring"),
        ({"Config": None}, "Config is None, expected @dataclass"),
        ({"Config": Idle.Config()}, "Config is Idle.Config.*, expected @dataclass"),
        ({"Config": Undecorated}, "Config is .*Undecorated, expected @dataclass"),
        ({"Config": Mutable}, "Config is not frozen"),
        ({"Config": Positional}, "Config takes share by position"),
        ({"Config": Required}, "no default for share"),
        ({"Config": Undocumented}, "does not explain secret, expected a string"),
        ({"Config": Unsayable}, r"YAML cannot represent \(share, keys\)"),
        ({"Config": Misfit}, "share must be float, got 'half'"),
        ({"Config": Refusing}, "share must be at most 1"),
        ({"Config": Unresolved}, "Missing"),
    ],
)
def test_broken_contracts(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        check_class("strategies", variant(**attributes))
    assert str(caught.value).startswith(
        "plugins.test_registry.Variant is not a valid strategy: "
    )


@pytest.mark.parametrize("thing", [Pluggable, int, Idle(), "idle"])
def test_wrong_base(thing: Any) -> None:
    message = "expected a class derived from sb3_prune.strategies.base.Strategy"
    with pytest.raises(PluginError, match=message):
        check_class("strategies", thing)


@pytest.mark.parametrize("kind", KINDS)
def test_find_kind(kind: str) -> None:
    assert find_kind(kind).hook == f"register_{kind}"
    with pytest.raises(UnknownNameError, match=f"Did you mean '{kind}'"):
        find_kind(kind + "x")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"suffix": "json"}, r"its suffix is 'json', expected '\.onnx'"),
        ({"suffix": None}, "its suffix is None"),
        ({"Config": Overwrites}, "arguments of its own called overwrite"),
    ],
)
def test_exporters_have_rules_of_their_own(
    attributes: dict[str, Any], message: str
) -> None:
    known = plugins.exporters()["numpy"]
    mine = {"__doc__": "Mine.", "name": "mine", **attributes}
    with pytest.raises(PluginError, match=message):
        check_class("exporters", type("Mine", (known,), mine))


@pytest.mark.parametrize(
    ("kind", "name"), [("strategies", "magnitude"), ("screeners", "entropy")]
)
def test_options_derive_from_those_of_their_kind(kind: str, name: str) -> None:
    known = plugins.get(kind, name)
    mine = {"__doc__": "Mine.", "name": "mine", "Config": Overwrites}
    with pytest.raises(PluginError, match=r"its Config is not derived from S\w+Config"):
        check_class(kind, type("Mine", (known,), mine))
