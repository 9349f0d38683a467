"""The contract of registered classes, and building them from options."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Optional

import numpy as np
import pytest

from sb3_prune.exceptions import ConfigError, PluginError, UnknownNameError
from sb3_prune.pluggable import Pluggable
from sb3_prune.registry import KINDS, build, check_class, find_kind, fit
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
    """Numbers that YAML cannot say."""

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
        ({"Config": Unsayable}, r"YAML cannot say \(share, keys\)"),
        ({"Config": Misfit}, "share must be float, got 'half'"),
        ({"Config": Refusing}, "share must be at most 1"),
        ({"Config": Unresolved}, "Missing"),
    ],
)
def test_broken_contracts(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        check_class("strategies", variant(**attributes))
    assert str(caught.value).startswith("test_registry.Variant is no valid strategy: ")


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


def test_build_from_nothing_a_mapping_or_a_config() -> None:
    assert build(Idle).config == Idle.Config()
    assert build(Idle, {}).config == Idle.Config()
    options = {"share": 1, "layers": ["actor"], "limit": 3}
    wanted = Idle.Config(share=1.0, layers=("actor",), limit=3)
    assert build(Idle, options).config == wanted
    assert build(Idle, wanted).config is wanted


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"shares": 1}, "no such option: 'shares'"),
        ({1: 2}, "no such option: 1"),
        ({"share": "1"}, "share must be float, got '1'"),
        ({"mode": "c"}, r"mode must be Literal\['a', 'b'\], got 'c'"),
        ({"layers": "actor"}, r"layers must be tuple\[str, ...\], got 'actor'"),
        ({"layers": [1]}, r"layers must be tuple\[str, ...\], got \[1\]"),
        ({"limit": 1.5}, r"limit must be int \| None, got 1.5"),
        ("share", "expected a mapping or its Config, got 'share'"),
        (Documented, "expected a mapping or its Config, got <class"),
    ],
)
def test_refused_options(config: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build(Idle, config)
    assert str(caught.value).endswith(
        " Its options: share: float = 0.5, mode: Literal['a', 'b'] = 'a', "
        "layers: tuple[str, ...] = (), limit: int | None = None."
    )


def test_errors_of_the_config_itself() -> None:
    """A ValueError becomes a ConfigError; our own errors stay as they are."""
    with pytest.raises(ConfigError, match=r"^share must be at most 1\.$"):
        build(variant(Config=RefusingOurWay), {"share": 2.0})
    with pytest.raises(ConfigError, match=r"'idle': share must be at most 1\. Its"):
        build(variant(Config=Refusing), {"share": 2.0})
    with pytest.raises(ConfigError, match=r"Its options: \(none\)"):
        build(variant(Config=Mutable), {"share": 1})


@pytest.mark.parametrize(
    ("value", "hint", "fitted"),
    [
        (1, float, 1.0),
        (np.float32(0.5), float, 0.5),
        (np.int64(2), int, 2),
        (True, bool, True),
        ("a", str, "a"),
        (None, type(None), None),
        (None, Optional[int], None),  # noqa: UP045
        (3, float | int, 3),
        (3, float | None, 3.0),
        (True, int | bool, True),
        ("b", Literal["a", "b"], "b"),
        ("auto", float | Literal["auto"], "auto"),
        ([1, 2], tuple[float, ...], (1.0, 2.0)),
        ([1, "a"], tuple[int, str], (1, "a")),
        ([1, "a"], tuple, (1, "a")),
        ([[1], [2]], tuple[tuple[int, ...], ...], ((1,), (2,))),
        ((1, 2), list[int], [1, 2]),
        ({"a": [1]}, dict[str, tuple[int, ...]], {"a": (1,)}),
        ({"a": 1}, dict, {"a": 1}),
        ("anything", Any, "anything"),
        ("anything", Sequence[int], "anything"),
    ],
)
def test_fit(value: Any, hint: Any, fitted: Any) -> None:
    found = fit(value, hint)
    assert found == fitted
    assert type(found) is type(fitted)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (True, int),
        (True, float),
        (1, bool),
        (1.0, int),
        ("1", int),
        (1, str),
        (0, type(None)),
        (1, Literal[True]),
        ("a", int | None),
        ("ab", tuple[str, ...]),
        ([1], tuple[int, int]),
        ("ab", list[str]),
        ([1], dict[str, int]),
        ({1: 1}, dict[str, int]),
    ],
)
def test_fit_refuses(value: Any, hint: Any) -> None:
    with pytest.raises(TypeError):
        fit(value, hint)


def test_annotated_options() -> None:
    """What tyro reads from an annotation is not our concern."""

    @frozen
    class Config:
        """Annotated."""

        share: Annotated[float, "flag"] = 0.5
        """Explained."""

    assert build(variant(Config=Config), {"share": 1}).config.share == 1.0
