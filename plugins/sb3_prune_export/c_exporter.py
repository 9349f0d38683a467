"""The exporter ``c``: one C99 header without dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sb3_prune.exceptions import ExportError, require_at_least, require_flag
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.base import Exporter
from sb3_prune.exporting.facts import in_words
from sb3_prune.exporting.program import Decision
from sb3_prune_export.c import measuring
from sb3_prune_export.c.code import Code, translate
from sb3_prune_export.c.header import MARK, header
from sb3_prune_export.c.loading import load
from sb3_prune_export.c.names import check_apart, check_prefix, prefix_of
from sb3_prune_export.c.rounding import Rounded
from sb3_prune_export.c.testing import units


class CExporter(Exporter):
    """One C99 header: no heap, no dependency but ``math.h``; C++ as well."""

    name = "c"
    suffix = ".h"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """How to write the header."""

        prefix: str | None = None
        """Beginning of every name in it; by default it is made of the file's name."""
        double: bool = False
        """Compute in ``double`` instead of ``float``; so are inputs and outputs."""
        int8: bool = False
        """Keep the weights of linear layers and convolutions in eight bits; the header
        says how far its actions are from those of exact weights."""
        max_weights: int = 2_000_000
        """Refuse networks with more constant numbers, each about 15 characters long."""

        def __post_init__(self) -> None:
            require_flag("double", self.double)
            require_flag("int8", self.int8)
            require_at_least("max_weights", self.max_weights)
            if self.prefix is not None:
                check_prefix(self.prefix)

    @property
    def rounds(self) -> bool:
        """Whether weights are kept in eight bits."""
        return bool(self.config.int8)

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the header.

        The one that is checked has exact weights; with ``int8`` the one that stays says
        by how much its actions differ from those.
        """
        exact = facts["check"] is None or not self.config.int8
        code = self._code(decision, int8=not exact)
        prefix = self.config.prefix or prefix_of(facts["name"])
        ports = [port.name for port in (*decision.inputs, *decision.outputs)]
        check_apart(prefix, ports, [buffer.name or "" for buffer, _ in code.arrays])
        run = Rounded(decision.program, code.rounded)
        example = next(measuring.examples(decision, 1))
        own = self._facts(code, prefix)
        expected = run(example)
        seen = (facts["check"] or {"largest_difference": 0.0})["largest_difference"]
        unit = units(decision.action_space, expected[0], seen)
        words = f"{in_words(facts, rounded=not exact)}\n\n{_sizes(code)}"

        def write(words: str, own: Mapping[str, Any]) -> None:
            told = {"facts": facts, "c": own}
            text = header(code, prefix, words, told, example, expected, unit)
            path.write_text(text, "utf-8")

        write(words, own)
        if not exact:  # The error is that of the header itself.
            error = measuring.int8_error(decision, load(path).run, run)
            words = f"{words}\n{measuring.in_words(error)}"
            write(words, {**own, "int8_error": error})

    def _code(self, decision: Decision, *, int8: bool) -> Code:
        code = translate(
            decision.program,
            [port.name for port in decision.inputs],
            [port.name for port in decision.outputs],
            double=self.config.double,
            int8=int8,
        )
        if code.weights > self.config.max_weights:
            raise ExportError(
                f"The agent has {code.weights:,} constant numbers, and a header would "
                f"hold at most {self.config.max_weights:,}: prune it, choose another "
                "exporter, or raise max_weights."
            )
        return code

    def _facts(self, code: Code, prefix: str) -> dict[str, Any]:
        return {
            "prefix": prefix,
            "float": "float64" if self.config.double else "float32",
            "int8": bool(code.rounded),
            "types": [b.number.name for b in [*code.inputs, *code.outputs]],
            "weights": code.weights,
            "scratch": code.scratch_bytes,
        }

    @classmethod
    def load(cls, path: Path) -> Agent:
        """Compile the header with the first compiler that is found, and load it."""
        return load(path)

    @classmethod
    def wrote(cls, path: Path) -> bool:
        """Tell whether a file is a header of this exporter."""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(100_000)
        return f"\n{MARK}".encode() in start


def _sizes(code: Code) -> str:
    """Return what the header takes of a machine's memory."""
    return (
        f"It holds {code.weights:,} constant numbers in {code.weight_bytes:,} bytes,"
        f" and needs\n{code.scratch_bytes:,} bytes of scratch memory."
    )
