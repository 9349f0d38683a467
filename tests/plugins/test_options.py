"""Building a class of a plug-in from options."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Optional

import numpy as np
import pytest

from sb3_prune.exceptions import CheckpointError, ConfigError, PluginError
from sb3_prune.plugins.options import build, entry_of, fit

from .test_registry import (
    Documented,
    Idle,
    Mutable,
    Refusing,
    RefusingOurWay,
    frozen,
    variant,
)


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
        ({"layers": "actor"}, r"layers must be a list, tuple\[str, ...\], got 'actor'"),
        ({"layers": [1]}, r"layers must be a list, tuple\[str, ...\], got \[1\]"),
        ({"limit": 1.5}, r"limit must be int \| None, got 1.5"),
        ("share", "expected a mapping or its Config, got 'share'"),
        (Documented, "expected a mapping or its Config, got <class"),
    ],
)
def test_refused_options(config: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build(Idle, config)
    listed = str(caught.value).endswith(
        " Its options: share: float = 0.5, mode: Literal['a', 'b'] = 'a', "
        "layers: tuple[str, ...] = (), limit: int | None = None."
    )
    assert listed == (" must be " not in message)


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
        (10**400, float),
        (10**400, float | None),
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


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("no"), OverflowError("y")])
def test_a_constructor_that_raises_is_named_with_the_cause(error: Exception) -> None:
    def refuse(self: Any, config: Any = None) -> None:
        raise error

    with pytest.raises(PluginError, match=r"'idle' cannot be built: ") as caught:
        build(variant(__init__=refuse))
    assert caught.value.__cause__ is error


def test_any_error_of_a_config_is_a_config_error() -> None:
    @frozen
    class Dividing:
        """It computes with its options."""

        parts: int = 1
        """Explained."""

        def __post_init__(self) -> None:
            _ = 1 / self.parts

    with pytest.raises(ConfigError, match="'idle': ZeroDivisionError"):
        build(variant(Config=Dividing), {"parts": 0})


STATE = {"event": 3, "names": ["a"], "rate": 1}


def test_entries_of_a_state_are_fitted() -> None:
    assert entry_of(STATE, "event", int) == 3
    assert entry_of(STATE, "names", list[str]) == ["a"]
    assert type(entry_of(STATE, "rate", float)) is float


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"other": 1}, "no 'event' in the saved state: it has other"),
        ([1], r"no 'event' in the saved state: it has \[1\]"),
        (None, "no 'event' in the saved state: it has None"),
        ({"event": "3"}, "'event' in the saved state must be int, got '3'"),
        ({"event": True}, "must be int, got True"),
        ({"event": 3.0}, "must be int, got 3.0"),
    ],
)
def test_a_damaged_state_is_a_checkpoint_error(state: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        entry_of(state, "event", int)
