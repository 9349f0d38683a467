"""Tests for exceptions.py."""

from __future__ import annotations

import inspect
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sb3_prune as sp
from sb3_prune import exceptions
from sb3_prune.exceptions import (
    ConfigError,
    JobsFailedError,
    SB3PruneError,
    UnknownNameError,
    require_at_least,
    require_finite,
    require_flag,
    require_path,
    require_seed,
    require_verbosity,
)
from sb3_prune.networks import OFEXiConfig

ERRORS = [
    cls
    for _, cls in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(cls, Exception)
]


HUGE = 10**5000
"""Python refuses to write it."""


@pytest.mark.parametrize(
    "value", [HUGE, -HUGE, [HUGE], {"a": HUGE}], ids=["+", "-", "list", "mapping"]
)
@pytest.mark.parametrize(
    "check",
    [require_at_least, require_finite, require_flag, require_path, require_verbosity],
)
def test_numbers_of_thousands_of_digits_are_refused_by_name(
    check: Any, value: Any
) -> None:
    arguments = [value] if check is require_verbosity else ["field", value]
    with pytest.raises(ConfigError, match="got a number of more than 4300 digits"):
        check(*arguments)


def test_other_places_that_show_such_numbers() -> None:
    for refused in (
        lambda: sp.PruningCallback("magnitude", {"final_sparsity": HUGE}),
        lambda: sp.PruningCallback("magnitude", {"steps": HUGE}),
        lambda: sp.PruningCallback("magnitude", {"networks": (HUGE,)}),
        lambda: sp.PruningCallback(HUGE),  # type: ignore[arg-type]
        lambda: sp.PruningCallback("magnitude", {HUGE: 1}),  # type: ignore[dict-item]
        lambda: sp.ValidationCallback("CartPole-v1", {"rate": HUGE}),
        lambda: sp.AfterPruning(sp.PruningCallback(), HUGE),  # type: ignore[arg-type]
        lambda: sp.remove([HUGE], 12),
        lambda: sp.remove([1], HUGE),
        lambda: sp.remove(HUGE, 12),  # type: ignore[arg-type]
        lambda: sp.merge([[HUGE]], 12),
        lambda: sp.add(HUGE, 12),
        lambda: sp.reset([0], 12, seed=HUGE),
        lambda: sp.Plan({"a": HUGE}),  # type: ignore[dict-item]
        lambda: OFEXiConfig(units=HUGE),
    ):
        with pytest.raises(SB3PruneError, match="a number of more than 4300 digits"):
            refused()


@pytest.mark.parametrize("cls", ERRORS)
def test_every_error_has_one_root_and_a_summary(cls: type[Exception]) -> None:
    assert issubclass(cls, SB3PruneError)
    assert cls.__doc__


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("UnknownNameError", LookupError),
        ("UnsupportedPolicyError", TypeError),
        ("PlanError", ValueError),
        ("ConfigError", ValueError),
        ("CompactError", ValueError),
        ("NonFiniteError", ValueError),
        ("CheckpointError", OSError),
        ("RunFolderError", FileExistsError),
    ],
)
def test_errors_are_caught_as_their_builtin_kind(
    name: str, builtin: type[Exception]
) -> None:
    with pytest.raises(builtin):
        raise getattr(exceptions, name)("kind", "name", [])


def test_an_unknown_name_lists_what_exists_and_guesses() -> None:
    error = UnknownNameError("layer", "actor.0", ["critic.0", "actor.2"], "Hint.")
    assert str(error) == (
        "Unknown layer 'actor.0'. Did you mean 'actor.2'? "
        "Known: actor.2, critic.0. Hint."
    )
    assert error.name == "actor.0"


def test_an_unknown_name_without_neighbours_makes_no_guess() -> None:
    message = str(UnknownNameError("strategy", "xyz", ["magnitude"]))
    assert "Did you mean" not in message and "Known: magnitude." in message


def test_a_name_may_be_no_text() -> None:
    assert "Unknown layer '3'." in str(UnknownNameError("layer", 3, ["a"]))  # type: ignore[arg-type]


def test_an_empty_registry_says_so() -> None:
    assert "Known: (none)." in str(UnknownNameError("strategy", "x", []))


@pytest.mark.parametrize(
    "value", [1.5, 2.0, "3", None, True, float("nan"), np.float64(4)]
)
def test_what_is_no_whole_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ConfigError, match="rounds must be a whole number, got"):
        require_at_least("rounds", value)


@pytest.mark.parametrize("value", [0, -3, np.int64(0)])
def test_too_small_a_number_is_refused_with_the_limit(value: Any) -> None:
    with pytest.raises(ConfigError, match=f"rounds must be at least 1, got {value}"):
        require_at_least("rounds", value)
    require_at_least("rounds", value, least=-3)


def test_too_large_a_number_is_refused() -> None:
    require_at_least("rounds", np.int64(2**63 - 1))
    with pytest.raises(ConfigError, match=f"rounds must be at most {2**63 - 1}, got 1"):
        require_at_least("rounds", 10**400)


@pytest.mark.parametrize(
    "value", [-1, float("inf"), float("nan"), 10**400, "1", None, True, 1j]
)
def test_what_is_no_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="rate must be finite and at least 0, got"):
        require_finite("rate", value)


@pytest.mark.parametrize("value", [0, 1e308, np.float32(2), np.int64(3)])
def test_finite_numbers_are_let_through(value: Any) -> None:
    require_finite("rate", value)
    with pytest.raises(ConfigError, match="at least inf"):
        require_finite("rate", value, float("inf"))


@pytest.mark.parametrize(
    "error",
    [
        UnknownNameError("strategy", "magnitud", ["magnitude"]),
        JobsFailedError({"a": "Traceback\nValueError: b"}, {"c": {"d": 1}}),
        ConfigError("bad"),
    ],
)
def test_errors_survive_the_way_from_another_process(error: SB3PruneError) -> None:
    error.add_note("seen in a job")
    found = pickle.loads(pickle.dumps(error))
    assert (type(found), str(found)) == (type(error), str(error))
    assert vars(found) == vars(error)


@pytest.mark.parametrize("value", ["False", "no", 0, 1, None, float("nan"), []])
def test_what_is_no_flag_is_refused(value: Any) -> None:
    require_flag("physical", True)
    require_flag("physical", False)
    with pytest.raises(ConfigError, match="physical must be True or False, got"):
        require_flag("physical", value)


@pytest.mark.parametrize("value", ["x", float("nan"), None, -1, 1.0])
def test_what_is_no_verbosity_is_refused(value: Any) -> None:
    require_verbosity(True)
    require_verbosity(2)
    with pytest.raises(ConfigError, match="verbose must be"):
        require_verbosity(value)


@pytest.mark.parametrize("value", [3, None, b"x", ["x"]])
def test_what_is_no_path_is_refused(value: Any) -> None:
    require_path("folder", "x")
    require_path("folder", Path("x"))
    with pytest.raises(ConfigError, match="folder must be a path, got"):
        require_path("folder", value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1", True])
def test_without_a_limit_numbers_are_finite_all_the_same(value: Any) -> None:
    require_finite("reward", -1e308, None)
    with pytest.raises(ConfigError, match="reward must be finite, got"):
        require_finite("reward", value, None)


@pytest.mark.parametrize("value", [-1, 2**32])
def test_seeds_are_those_of_numpy(value: int) -> None:
    require_seed("--seed", 2**32 - 1)
    with pytest.raises(ConfigError, match=r"--seed must be in \[0, 2\*\*32\), got"):
        require_seed("--seed", value)
