"""Pairs: parse ``KEY=VALUE`` arguments of the command line, with values in JSON."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from sb3_prune.exceptions import ConfigError

PYTHON = {"True": True, "False": False, "None": None}
"""Values that are no JSON, but that nobody means as text."""


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, Any]:
    """Parse ``KEY=VALUE`` pairs and JSON objects into one dictionary.

    Values are parsed as JSON. A value that is not valid JSON is taken as text, so that
    ``goals=full`` needs no quotes; ``True``, ``False`` and ``None`` are those of
    Python, unless they have quotes. Lists become tuples.

    Args:
        option: Name of the option, for error messages.
        texts: Pairs such as ``gamma=0.98``, or objects such as ``{"gamma": 0.98}``.

    Raises:
        ConfigError: A text is neither a pair nor a JSON object, a name is given twice,
            or a number is too large. Infinity and NaN are written as in JSON of Python.
    """
    found: list[tuple[str, Any]] = []
    for text in texts:
        read = _object if text.startswith("{") else _pair
        found += read(option, text).items()
    return {key: _frozen(value) for key, value in _unique(option, found).items()}


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = _read(option, text)
    except OverflowError as error:
        raise ConfigError(f"{option}: {error}.") from None
    except ConfigError:
        raise
    except (ValueError, RecursionError) as error:  # Also too many digits, too deep.
        raise ConfigError(
            f"{option}: {reprlib.repr(text)} is not a valid JSON object: {error}."
        ) from None
    return found


def _pair(option: str, text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ConfigError(
            f"{option}: expected KEY=VALUE or a JSON object, got {reprlib.repr(text)}."
        )
    try:
        return {key: _read(option, value)}
    except OverflowError as error:
        raise ConfigError(f"{option}: {key}: {error}.") from None
    except ConfigError:
        raise
    except (ValueError, RecursionError):
        return {key: PYTHON.get(value, value)}


def _read(option: str, text: str) -> Any:
    unique = partial(_unique, option)
    return json.loads(text, parse_float=_finite, object_pairs_hook=unique)


def _unique(option: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as a dictionary, unless one would silently replace another."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(
                f"{option}: {reprlib.repr(key)} is given twice, as "
                f"{reprlib.repr(found[key])} and {reprlib.repr(value)}."
            )
        found[key] = value
    return found


def _finite(text: str) -> float:
    """Return a number; Python's own parser would make 1e400 infinite."""
    number = float(text)
    if math.isinf(number):
        raise OverflowError(f"{reprlib.repr(text)} is not finite")
    return number


def _frozen(value: Any) -> Any:
    # SB3 expects tuples, e.g. train_freq=(1, "episode"), but JSON has only lists.
    return tuple(value) if isinstance(value, list) else value
