"""Warnings show the line of the user's code, whatever libraries lie between."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import FunctionType

import pytest
import zoo

import sb3_prune as sp
from sb3_prune.warning import warn


def inside(package: str, function: Callable[..., object]) -> Callable[..., object]:
    """Return a function as if a module of the package had defined it."""
    assert isinstance(function, FunctionType)
    its = {**function.__globals__, "__name__": f"{package}.module"}
    return FunctionType(function.__code__, its, closure=function.__closure__)


def call(function: Callable[..., object], *args: object) -> object:
    return function(*args)


def shown(function: Callable[..., object], *args: object) -> tuple[str, int]:
    """Return the file and the line that a call's only warning shows."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        function(*args)
    (found,) = told
    return found.filename, found.lineno


def here(*path: Callable[..., object]) -> None:
    """Call ``warn`` through the functions, outermost first."""
    call(*path, warn, "text")


PACKAGES = ("sb3_prune", "sb3_prune_dsp", "stable_baselines3", "sb3_contrib", "torch")


@pytest.mark.parametrize("package", PACKAGES)
def test_lines_of_libraries_are_passed_over(package: str) -> None:
    library = inside(package, call)
    assert shown(library, warn, "text") == (__file__, shown.__code__.co_firstlineno + 4)
    assert shown(here, *[library] * 3)[1] == call.__code__.co_firstlineno + 1


def test_a_function_of_the_user_between_libraries_is_the_place() -> None:
    library, line = inside("stable_baselines3", call), call.__code__.co_firstlineno + 1
    assert shown(library, call, warn, "text") == (__file__, line)


@pytest.mark.parametrize("package", ["torchrl", "sb3_pruned", "my_torch"])
def test_a_package_with_a_similar_name_is_no_library(package: str) -> None:
    other, line = inside(package, call), call.__code__.co_firstlineno + 1
    assert shown(other, warn, "text") == (__file__, line)


def test_equal_warnings_of_two_lines_are_both_shown() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(2):
            warn("the same")
        warn("the same")
    assert len(told) == 2


@pytest.mark.parametrize("name", ["PPO", "DQN"])
def test_a_callback_warns_with_the_line_that_called_learn(name: str) -> None:
    model = zoo.make_model(name)
    begun = sp.PruningCallback("magnitude", {"begin": 0.9, "end": 1.0})
    model.learn(64, begun)
    again = sp.PruningCallback("magnitude")
    place = shown(lambda: model.learn(64, again, reset_num_timesteps=False))
    assert place[0] == __file__
