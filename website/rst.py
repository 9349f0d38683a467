"""reStructuredText in docstrings becomes Markdown: roles, equations, literal blocks.

Equations become MathML, which browsers draw themselves: no script, no other server.
"""

from __future__ import annotations

import re
from typing import Any

import griffe
from latex2mathml.converter import convert

ROLE = re.compile(r":(?:mod|class|func|meth|data|attr|exc):`(~?)([^`]+)`")
MATH = re.compile(r":math:`([^`]+)`")
DISPLAY = re.compile(r"^( *)\.\. math::(.*\n?(?:\1 +\S.*\n?)*)", re.MULTILINE)
EXAMPLE = re.compile(r"^Example::\n\n((?: {4}.*(?:\n|\Z)|\n)+)", re.MULTILINE)


class Rst(griffe.Extension):
    """Rewrites the docstrings of a package when all of it is read."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Rewrite every docstring."""
        rewrite(pkg)


def rewrite(item: griffe.Object) -> None:
    """Rewrite the docstrings of an object and of all that is defined in it."""
    if item.docstring:
        item.docstring.value = markdown(item, item.docstring.value)
    for member in item.members.values():
        if isinstance(member, griffe.Object):
            rewrite(member)


def markdown(item: griffe.Object, text: str) -> str:
    """Return a docstring as Markdown; roles are links where the site has the target."""

    def link(match: re.Match[str]) -> str:
        short, name = match.groups()
        shown = name.rpartition(".")[2] if short else name.lstrip(".")
        target = path_of(item, name)
        return f'<autoref optional identifier="{target}"><code>{shown}</code></autoref>'

    text = DISPLAY.sub(lambda m: f"{m[1]}{mathml(m[2], 'block')}\n", text)
    text = MATH.sub(lambda m: mathml(m[1], "inline"), text)
    text = EXAMPLE.sub(fenced, ROLE.sub(link, text))
    return re.sub(r"::$", ":", text, flags=re.MULTILINE).replace("``", "`")


def fenced(match: re.Match[str]) -> str:
    """Return an example as a section whose code is fenced."""
    return f"Example:\n    ~~~python\n{match[1].rstrip()}\n    ~~~\n\n"


def mathml(latex: str, display: str) -> str:
    """Return an equation as MathML that Markdown leaves alone."""
    if "&" in latex:
        latex = rf"\begin{{align*}}{latex}\end{{align*}}"
    found = convert(" ".join(latex.split()), display=display)
    return found.replace("*", "&#42;").replace("_", "&#95;")


def path_of(item: griffe.Object, name: str) -> str:
    """Return the full path that a role means; a leading dot starts at the package."""
    if name.startswith("."):
        module = item.module
        package = module if module.is_init_module else module.parent
        return f"{package.path}{name}" if package else name[1:]
    try:
        return item.resolve(name)
    except griffe.NameResolutionError:
        return name
