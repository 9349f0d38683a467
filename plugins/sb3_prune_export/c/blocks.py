"""A block of C code: one step of the decision, with pointers to what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sb3_prune_export.c.views import Buffer, View

Address = Callable[[Buffer], str]
"""Gives the place of a buffer as a C expression."""


@dataclass(eq=False)
class Block:
    """One step: what it reads, what it writes, and its lines."""

    title: str
    """A comment: the module, and the shape of what is computed."""
    pointers: dict[str, tuple[Buffer, int, bool]] = field(default_factory=dict)
    """Name -> buffer, offset of the first number, and whether it is written."""
    lines: list[str] = field(default_factory=list)
    """C code, in which pointers have these names."""
    depth: int = 0
    """How many loops are open."""

    def read(self, view: View) -> str:
        """Return the name of a pointer to the first number of a tensor."""
        view.buffer.read = True
        return self._point(view, "x", False)

    def write(self, view: View) -> str:
        """Return the name of a pointer through which a tensor is written."""
        return self._point(view, "y", True)

    def _point(self, view: View, letter: str, written: bool) -> str:
        wanted = (view.buffer, view.offset, written)
        for name, known in self.pointers.items():
            if known == wanted:
                return name
        count = sum(name.startswith(letter) for name in self.pointers)
        name = f"{letter}{count or ''}"
        self.pointers[name] = wanted
        return name

    def line(self, text: str) -> None:
        """Add a line at the depth of the open loops."""
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def loop(self, variable: str, count: int) -> Iterator[None]:
        """Open a loop; of one turn is made none, see :func:`place`."""
        if count <= 1:
            yield
            return
        self.line(f"for (int {variable} = 0; {variable} < {count}; ++{variable}) {{")
        self.depth += 1
        yield
        self.depth -= 1
        self.line("}")

    @contextmanager
    def nest(self, variables: Sequence[str], sizes: Sequence[int]) -> Iterator[None]:
        """Open loops inside each other."""
        if not sizes:
            yield
            return
        with self.loop(variables[0], sizes[0]), self.nest(variables[1:], sizes[1:]):
            yield

    @contextmanager
    def full_nest(
        self, variables: Sequence[str], sizes: Sequence[int]
    ) -> Iterator[None]:
        """Open loops inside each other, also those of one turn."""
        for variable, count in zip(variables, sizes, strict=True):
            self.line(
                f"for (int {variable} = 0; {variable} < {count}; ++{variable}) {{"
            )
            self.depth += 1
        yield
        for _ in sizes:
            self.depth -= 1
            self.line("}")

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that are read."""
        return [b for b, _, written in self.pointers.values() if not written]

    @property
    def writes(self) -> list[Buffer]:
        """Buffers that are written."""
        return [b for b, _, written in self.pointers.values() if written]

    def text(self, address: Address, restrict: str) -> list[str]:
        """Return the C code of the step."""
        head = [f"{{ /* {comment(self.title)} */"]
        for name, (buffer, offset, written) in self.pointers.items():
            const = "" if written else "const "
            place_ = address(buffer) + (f" + {offset}" if offset else "")
            kind = f"{const}{buffer.number.name} *{restrict}"
            head.append(f"    {kind} {name} = {place_};")
        return [*head, *("    " + line for line in self.lines), "}"]


def place(
    variables: Sequence[str], sizes: Sequence[int], strides: Sequence[int]
) -> str:
    """Return the index at which loops over these sizes find a number."""
    terms = [
        variable if stride == 1 else f"{stride} * {variable}"
        for variable, size, stride in zip(
            variables[: len(sizes)], sizes, strides, strict=True
        )
        if size > 1 and stride
    ]
    return " + ".join(terms) or "0"


def comment(text: str) -> str:
    """Return text that is safe inside a C comment."""
    plain = text.encode("ascii", "backslashreplace").decode()
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ?/")
