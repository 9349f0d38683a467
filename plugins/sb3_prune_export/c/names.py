"""Names in C."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sb3_prune.exceptions import ConfigError, ExportError

RESERVED = frozenset(
    """
    alignas alignof and and_eq asm atomic auto bitand bitor bool break case catch char
    class compl concept const constexpr continue co_await co_return co_yield decltype
    default delete do double dynamic_cast else enum explicit export extern false float
    for friend goto if inline int long main module mutable namespace new noexcept not
    not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast requires restrict return short signed sizeof static static_assert
    static_cast struct switch template this thread_local throw true try typedef typeid
    typename union unsigned using virtual void volatile wchar_t while xor xor_eq
    """.split()  # noqa: SIM905, a list of them would fill a page
)
"""Words of C and C++ that name nothing else."""
OWN = ("predict", "predict_with", "scratch", "test", "unit")
"""What a header has besides its arrays, after the prefix."""


def check_prefix(prefix: object) -> str:
    """Return a prefix of names in C, if it is one.

    Raises:
        ConfigError: It is not: letters, digits and single underscores between them are
            allowed, and no word of C or C++.
    """
    if (
        not isinstance(prefix, str)
        or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", prefix)
        or prefix in RESERVED
    ):
        raise ConfigError(
            f"prefix must be a name in C, such as 'left_arm'; got {prefix!r}."
        )
    return prefix


def check_apart(prefix: str, ports: Sequence[str], constants: Sequence[str]) -> None:
    """Check that no input or output has the name of something else in a header.

    Args:
        prefix: Beginning of the names in the header.
        ports: Names of the inputs and outputs, which have no prefix.
        constants: Names of the arrays, without the prefix.

    Raises:
        ExportError: One has.
    """
    tests = [f"{part}_{port}" for part in ("test", "expected") for port in ports]
    ends = [*OWN, *constants, *tests]
    if clash := set(ports) & {f"{prefix}_{end}" for end in ends}:
        raise ExportError(
            f"With the prefix '{prefix}' the header would call two things "
            f"'{min(clash)}', one of them an input or output: give another prefix."
        )


def prefix_of(text: str) -> str:
    """Return a prefix of names in C made of any text, e.g. of the name of a file."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "_".join(words).lower()
    plain = bool(name) and name[0].isalpha() and name not in RESERVED
    return name if plain else f"agent_{name}".rstrip("_")
