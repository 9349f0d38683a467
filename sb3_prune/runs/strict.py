"""Strict: JSON that not only Python reads, with words for NaN and infinity."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
"""Words for numbers that JSON does not have, as in the facts of exports."""


def dumps(content: Any) -> str:
    """Return JSON of several lines, in which :data:`WORDS` stand for numbers."""
    return json.dumps(_mapped(_worded, content), indent=2, allow_nan=False)


def restored(content: Any) -> Any:
    """Return what was read, with the numbers for which words stand."""
    return _mapped(lambda value: WORDS.get(value, value), content)


def _worded(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    return value


def _mapped(change: Callable[[Any], Any], content: Any) -> Any:
    """Change every value inside of mappings and lists."""
    if isinstance(content, Mapping):
        return {name: _mapped(change, value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_mapped(change, value) for value in content]
    return change(content)
