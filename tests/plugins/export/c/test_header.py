"""Tests for sb3_prune_export/c/header.py."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from sb3_prune_export.c.code import translate
from sb3_prune_export.c.header import MARK, facts_in, header
from torch import nn

from . import running

FACTS = {"name": "*/ /* ??/ naïve", "deep": [1, {"x": None}]}


def text_of(prefix: str, seed: int = 0) -> str:
    torch.manual_seed(seed)
    text, _ = running.written(nn.Linear(3, 2), torch.randn(1, 3), prefix=prefix)
    return text


def test_facts_survive_the_comment() -> None:
    code = translate(running.traced(nn.ReLU(), torch.ones(1, 2)), ["x_0"], ["y_0"])
    ones = [np.ones((1, 2), np.float32)]
    text = header(code, "net", "words */", FACTS, ones, ones)
    assert facts_in(text) == FACTS
    opening = text.partition("#ifndef")[0]
    assert opening.count("*/") == opening.count("/*") == 1
    assert running.measured(text, running.require("gcc"), "-std=c99") == 0


@pytest.mark.parametrize("name", ["#1: an agent", f"a\n{MARK}[1]"])
def test_facts_survive_any_name(name: str) -> None:
    code = translate(running.traced(nn.ReLU(), torch.ones(1, 2)), ["x_0"], ["y_0"])
    ones = [np.ones((1, 2), np.float32)]
    assert facts_in(header(code, "net", name, FACTS, ones, ones)) == FACTS


def test_a_comment_above_hides_no_facts() -> None:
    """Somebody may put a licence on top."""
    code = translate(running.traced(nn.ReLU(), torch.ones(1, 2)), ["x_0"], ["y_0"])
    ones = [np.ones((1, 2), np.float32)]
    text = header(code, "net", "words", FACTS, ones, ones)
    assert facts_in(f"/* Somebody's.\n*/\n{text}") == FACTS


def test_other_headers_have_no_facts() -> None:
    assert facts_in("#include <math.h>\n") is None
    assert facts_in("") is None
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        facts_in(f"/*\n{MARK}{{\n*/\n")


def test_every_name_has_the_prefix() -> None:
    text = text_of("left")
    names = re.findall(
        r"^(?:static|#define|typedef|})[^;={(]*?(\w+)[\[(; ]", text, re.M
    )
    assert names
    assert "#define LEFT_IN_0_SIZE 3" in text
    assert "malloc" not in text
    assert re.findall(r"#include <(.*)>", text.partition("LEFT_MAIN\n#")[0]) == [
        "math.h"
    ]


@pytest.mark.parametrize("name", ["gcc", "g++"])
def test_two_policies_live_in_one_program(name: str) -> None:
    source = """
        #define LEFT_TEST
        #define RIGHT_TEST
        #define RIGHT_NO_STATIC
        #include "left.h"
        #include "right.h"
        #include "left.h"
        #include <stdio.h>
        int main(void) {
            right_scratch scratch;
            float x[RIGHT_IN_0_SIZE] = {0}, y[RIGHT_OUT_0_SIZE];
            right_predict_with(&scratch, x, y);
            left_predict(x, y);
            printf("%g %g", left_test(), right_test());
            return 0;
        }
    """
    headers = {
        f"{side}.h": text_of(side, i) for i, side in enumerate(("left", "right"))
    }
    options = ["-x", "c++"] if name == "g++" else ["-std=c99"]
    found = running.compiled(source, headers, running.require(name), *options)
    assert max(map(float, found.split())) < 1e-5
