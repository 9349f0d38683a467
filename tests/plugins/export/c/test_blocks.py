"""Tests for sb3_prune_export/c/blocks.py."""

from __future__ import annotations

import pytest
from sb3_prune_export.c.blocks import Block, comment
from sb3_prune_export.c.numbers import FLOAT
from sb3_prune_export.c.views import Buffer, contiguous


def test_a_block_declares_what_it_reads_and_writes_once() -> None:
    one, other = (Buffer(number=FLOAT, size=4) for _ in range(2))
    block = Block("a step")
    x, again = (block.read(contiguous(one, (4,))) for _ in range(2))
    y = block.write(contiguous(other, (4,)))
    assert (x, again, y) == ("x", "x", "y")
    assert (one.read, other.read) == (True, False)
    with block.nest(("i", "j"), (4, 1)):
        block.line("y[i] = x[i];")
    names = {one: "one", other: "other"}
    assert block.text(lambda buffer: names[buffer], "restrict") == [
        "{ /* a step */",
        "    const float *restrict x = one;",
        "    float *restrict y = other;",
        "    for (int i = 0; i < 4; ++i) {",
        "        y[i] = x[i];",
        "    }",
        "}",
    ]


@pytest.mark.parametrize("text", ["*/ int main", "/* again", "what??/", "naïve"])
def test_a_comment_ends_where_it_should(text: str) -> None:
    safe = comment(text)
    assert safe.isascii()
    assert not any(bad in safe for bad in ("*/", "/*", "??/"))
