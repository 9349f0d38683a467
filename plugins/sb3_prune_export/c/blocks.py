"""A block of C code: one step of the decision, with pointers to what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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

    def loop(self, variable: str, count: int) -> AbstractContextManager[None]:
        """Open a loop; of one turn is made none, see :func:`.place`."""
        return self.nest((variable,), (count,))

    def nest(
        self, variables: Sequence[str], sizes: Sequence[int]
    ) -> AbstractContextManager[None]:
        """Open loops inside each other, those of more than one turn."""
        pairs = zip(variables, sizes, strict=False)  # There may be more variables.
        kept = {variable: count for variable, count in pairs if count > 1}
        return self.full_nest(tuple(kept), tuple(kept.values()))

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


def comment(text: str) -> str:
    """Return text that is safe inside a C comment."""
    plain = text.encode("ascii", "backslashreplace").decode()
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ?/")
