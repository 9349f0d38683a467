"""The header: one C file with the weights, the scratch memory and the function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sb3_prune_export.c.blocks import comment
from sb3_prune_export.c.code import Code
from sb3_prune_export.c.numbers import NUMBERS, array
from sb3_prune_export.c.testing import test_lines
from sb3_prune_export.c.views import Buffer

MARK = "sb3-prune-c:"
"""What stands before the facts, on a line of its own."""
BANNER = "This is one C99 header without dependencies but math.h; it is C++ as well."


def header(
    code: Code,
    prefix: str,
    words: str,
    facts: Mapping[str, Any],
    example: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    unit: Any = None,
) -> str:
    """Return the text of the header.

    Args:
        code: The program.
        prefix: Beginning of every name.
        words: What the file says of itself, as text.
        facts: The same as values that JSON can hold.
        example: One array for each input, to test the header with.
        expected: The outputs for them.
        unit: What differences of the first output are divided by, or None.
    """
    big = prefix.upper()
    body = [
        *_opening(code, prefix, words, facts),
        *_sizes(code, big),
        "",
        *_memory(code, prefix),
        "",
        *_arrays(code, prefix),
        *_function(code, prefix),
        "",
        *_static(code, prefix),
        "",
        *test_lines(code, prefix, example, expected, unit),
        f"#undef {big}_RESTRICT",
        "",
        f"#endif /* {big}_H */",
    ]
    return "\n".join(body) + "\n"


def facts_in(text: str) -> dict[str, Any] | None:
    """Return the facts that a header holds; None if the text is no header of ours."""
    opening = text.partition("\n*/\n#ifndef ")[0]  # A name in it may begin anyhow.
    lines = [each for each in opening.splitlines() if each.startswith(MARK)]
    found = json.loads(lines[-1].removeprefix(MARK)) if lines else None
    return found if isinstance(found, dict) else None


def _opening(
    code: Code, prefix: str, words: str, facts: Mapping[str, Any]
) -> list[str]:
    big = prefix.upper()
    call = ", ".join(b.name or "" for b in [*code.inputs, *code.outputs])
    # Neither ends nor begins of comments, nor trigraphs.
    told = json.dumps(facts).replace("*", "\\u002a").replace("?", "\\u003f")
    lines = [
        *comment(words).splitlines(),
        "",
        BANNER,
        f"    {prefix}_predict({call});",
        f"    {prefix}_predict_with(&scratch, ...);  with memory of the caller's,",
        f"which is a {prefix}_scratch anywhere. Define {big}_NO_STATIC before the",
        "inclusion to have only the second one. An output may be written where an",
        f"input of its type lies, such as a state. Define {big}_TEST for",
        f"{prefix}_test(), which compares one decision with a known one, or",
        f"{big}_MAIN for a main() that prints the result.",
        "",
        f"{MARK}{told}",
    ]
    return [
        "/*",
        *lines,
        "*/",
        f"#ifndef {big}_H",
        f"#define {big}_H",
        "",
        *_includes(big),
    ]


def _includes(big: str) -> list[str]:
    return [
        "#include <math.h>",
        "",
        "#if defined(__cplusplus) || defined(_MSC_VER)",
        f"#define {big}_RESTRICT __restrict",
        "#else",
        f"#define {big}_RESTRICT restrict",
        "#endif",
        "",
    ]


def _sizes(code: Code, big: str) -> list[str]:
    """Return the number of entries of each input and output as macros."""
    return [
        f"#define {big}_{(buffer.name or '').upper()}_SIZE {buffer.size}"
        for buffer in [*code.inputs, *code.outputs]
    ]


def _memory(code: Code, prefix: str) -> list[str]:
    names = {n.field: n.name for n in NUMBERS.values()}
    fields = [f"    {names[f]} {f}[{size}];" for f, size in sorted(code.sizes.items())]
    return [
        "typedef struct {",
        *(fields or ["    char unused;"]),
        f"}} {prefix}_scratch;",
    ]


def _arrays(code: Code, prefix: str) -> list[str]:
    lines = []
    for buffer, values in code.arrays:
        shape = " x ".join(map(str, values.shape)) or "1"
        name = f"{prefix}_{buffer.name}[{buffer.size}]"
        lines += [
            f"/* {shape} */",
            f"static const {buffer.number.name} {name} = {{",
            f"    {array(values, buffer.number)}",
            "};",
            "",
        ]
    return lines


def _parameters(code: Code) -> list[str]:
    given = [f"const {b.number.name} *{b.name}" for b in code.inputs]
    return [*given, *(f"{b.number.name} *{b.name}" for b in code.outputs)]


def _function(code: Code, prefix: str) -> list[str]:
    ports = {*code.inputs, *code.outputs}

    def address(buffer: Buffer) -> str:
        if buffer.name is None:
            field, place = buffer.number.field, code.places[buffer]
            return f"scratch->{field}" + (f" + {place}" if place else "")
        return buffer.name if buffer in ports else f"{prefix}_{buffer.name}"

    restrict = f"{prefix.upper()}_RESTRICT"
    read = {buffer for block in code.blocks for buffer in block.reads}
    unread = [b for b in code.inputs if b not in read]
    arguments = [f"{prefix}_scratch *scratch", *_parameters(code)]
    return [
        f"static inline void {prefix}_predict_with(",
        "    " + ",\n    ".join(arguments) + ")",
        "{",
        *(f"    (void){buffer.name};" for buffer in unread),
        *([] if code.sizes else ["    (void)scratch;"]),
        *(
            f"    {line}"
            for block in code.blocks
            for line in block.text(address, restrict)
        ),
        "}",
    ]


def _static(code: Code, prefix: str) -> list[str]:
    names = ", ".join(b.name or "" for b in [*code.inputs, *code.outputs])
    return [
        f"#ifndef {prefix.upper()}_NO_STATIC",
        f"static inline void {prefix}_predict(",
        "    " + ",\n    ".join(_parameters(code)) + ")",
        "{",
        f"    static {prefix}_scratch scratch;",
        f"    {prefix}_predict_with(&scratch, {names});",
        "}",
        "#endif",
    ]
