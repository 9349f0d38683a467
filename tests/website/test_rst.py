"""Tests for rst.py: what docstrings say in reStructuredText, browsers show."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

griffe = pytest.importorskip("griffe", reason="`make docs` installs griffe")
pytest.importorskip("latex2mathml", reason="`make docs` installs latex2mathml")

from website.rst import MATH, Rst, markdown, mathml  # noqa: E402

ROOT = Path(__file__).parents[2]
CODE = '''
"""A module; see :class:`~inner.Thing`."""

class Thing:
    r"""A thing of :math:`x_1` or ``None``, made by :meth:`make`.

    .. math:: y = a *
        b * c

    .. math::
        u &= v \\\\
        w &= 1

    Used so::

        Thing()
    """

    def make(self):
        """Make it.

        Example::

            make()

        Raises:
            ValueError: No.
        """
'''


@pytest.fixture
def module(tmp_path: Path) -> griffe.Module:
    (tmp_path / "inner.py").write_text(CODE)
    extensions = griffe.load_extensions(Rst)
    return griffe.load("inner", search_paths=[tmp_path], extensions=extensions)


def test_roles_link_to_full_names(module: griffe.Module) -> None:
    assert '<autoref optional identifier="inner.Thing">' in module.docstring.value
    assert "<code>Thing</code>" in module.docstring.value
    assert 'identifier="inner.Thing.make"' in module["Thing"].docstring.value


def test_equations_are_mathml(module: griffe.Module) -> None:
    text = module["Thing"].docstring.value
    inline, block, lines = re.findall(r"<math.*?</math>", text)
    assert 'display="inline"' in inline and 'display="block"' in block
    letters = "".join(ElementTree.fromstring(block).itertext())
    assert letters.replace("\u2217", "*") == "y=a*b*c"
    assert lines.count("<mtr>") == 2 and "(1)" not in lines
    assert "Used so:\n\n    Thing()" in text and "`None`" in text


def test_an_example_is_a_section_with_code(module: griffe.Module) -> None:
    found = module["Thing.make"].docstring.parse("google")
    kinds = [section.kind.value for section in found]
    assert kinds == ["text", "admonition", "raises"]
    assert found[1].value.contents == "~~~python\nmake()\n~~~"


@pytest.mark.parametrize("name", [".near", "near"])
def test_unknown_names_stay_as_they_are_said(module: griffe.Module, name: str) -> None:
    assert "<code>near</code>" in markdown(module, f":mod:`{name}`")


def test_every_equation_of_the_project_can_be_read() -> None:
    for folder in ("sb3_prune", "envs", "plugins"):
        for file in (ROOT / folder).rglob("*.py"):
            for latex in MATH.findall(file.read_text("utf-8")):
                ElementTree.fromstring(mathml(latex, "inline"))
