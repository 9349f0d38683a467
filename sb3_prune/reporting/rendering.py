"""Rendering: fill a template, and escape every text in it (Jinja2)."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sb3_prune.reporting.numbers import between, number

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")
"""Characters that mean something in Markdown."""


def rendered(name: str, /, **values: Any) -> str:
    """Return a template of HTML with values in it; texts are escaped.

    Args:
        name: File in the folder of templates.
        **values: The values by name.
    """
    return _environment(html=True).get_template(name).render(**values)


def markdown(name: str, /, **values: Any) -> str:
    """Return a template of Markdown with values in it.

    Args:
        name: File in the folder of templates; it escapes by the filters ``md``,
            ``code`` and ``json`` (YAML takes JSON).
        **values: The values by name.
    """
    return _environment(html=False).get_template(name).render(**values)


@cache
def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("sb3_prune.reporting"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["raw"] = _raw
    environment.filters["md"] = _escaped
    environment.filters["code"] = _code
    environment.filters["json"] = json.dumps
    environment.filters["number"] = number
    environment.globals["between"] = between
    return environment


def _raw(name: str) -> Markup:
    """Return a file of ours as it is: the style and the script of a page."""
    environment = _environment(html=True)
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _escaped(text: object) -> str:
    r"""Return a text that is itself in Markdown, in one line: ``a_b`` -> ``a\_b``."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def _code(text: object) -> str:
    """Return a text as code in Markdown, in one line and in a cell of a table."""
    plain = " ".join(str(text).replace("`", "'").split())
    return f"`{plain}`".replace("|", r"\|")
