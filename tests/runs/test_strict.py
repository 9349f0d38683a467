"""Tests for runs/strict.py."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from sb3_prune.runs.strict import dumps, restored


def strictly(text: str) -> Any:
    """Read JSON as others than Python do."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_json_lacks_are_words() -> None:
    content = {"a": [math.nan, (math.inf, {"b": -math.inf})], "c": np.float64("inf")}
    found = strictly(dumps(content))
    assert found == {"a": ["nan", ["inf", {"b": "-inf"}]], "c": "inf"}
    back = restored(found)
    assert math.isnan(back["a"][0])
    assert back["a"][1] == [math.inf, {"b": -math.inf}]
    assert back["c"] == math.inf


@pytest.mark.parametrize(
    "content", [{"a": 1, "b": [0.5, None, True, "é", ""]}, [], {}, {"x": {"y": [[]]}}]
)
def test_all_else_is_as_python_writes_it(content: Any) -> None:
    assert dumps(content) == json.dumps(content, indent=2)
    assert restored(strictly(dumps(content))) == content
