"""Pairs: ``KEY=VALUE`` on the command line, values in JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sb3_prune.exceptions import ConfigError


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return what ``KEY=VALUE`` pairs and JSON objects say.

    Values are JSON; what is none is taken for text, so that ``goals=full`` does
    without quotes. Lists become tuples.

    Args:
        option: The option, for messages.
        texts: Pairs such as ``gamma=0.98``, objects such as ``{"gamma": 0.98}``.

    Raises:
        ConfigError: A text is neither.
    """
    found: dict[str, Any] = {}
    for text in texts:
        found |= _object(option, text) if text.startswith("{") else _pair(option, text)
    return {key: _frozen(value) for key, value in found.items()}


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{option}: {text!r} is no JSON object: {error}.") from None
    return found


def _pair(option: str, text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ConfigError(
            f"{option}: expected KEY=VALUE or a JSON object, got {text!r}."
        )
    try:
        return {key: json.loads(value)}
    except json.JSONDecodeError:
        return {key: value}


def _frozen(value: Any) -> Any:
    # SB3 wants tuples, e.g. train_freq=(1, "episode"); JSON has lists only.
    return tuple(value) if isinstance(value, list) else value
