"""Tests for reporting/rendering.py."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jinja2 import DictLoader, UndefinedError

from sb3_prune.reporting import rendering
from sb3_prune.reporting.rendering import markdown, rendered


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Templates of a test instead of ours."""
    found: dict[str, str] = {}
    loader: Any = lambda _: DictLoader(found)  # noqa: E731
    monkeypatch.setattr(rendering, "PackageLoader", loader)
    monkeypatch.setattr(rendering, "_environment", rendering._environment.__wrapped__)
    return found


def test_texts_in_html_are_escaped(templates: dict[str, str]) -> None:
    templates["a"] = "<b title='{{ x }}'>{{ x }}</b>{{ raw('s') }}"
    templates["s"] = "<i>"
    evil = "&lt;i&gt;&#39;&#34;&amp;"
    assert rendered("a", x="<i>'\"&") == f"<b title='{evil}'>{evil}</b><i>"


def test_texts_in_markdown_are_escaped(templates: dict[str, str]) -> None:
    templates["a"] = "{{ x | md }}"
    assert markdown("a", x="a_b [c](d) <e>\n# f") == r"a\_b \[c\](d) \<e\> \# f"
    templates["b"] = "{{ x | code }}"
    assert markdown("b", x="a`b|\nc") == r"`a'b\| c`"
    templates["c"] = "k: {{ x | json }}"
    for evil in ("a: b", "- c", "é\n---\n", '"'):
        assert yaml.safe_load(markdown("c", x=evil)) == {"k": evil}


def test_what_a_template_lacks_is_an_error(templates: dict[str, str]) -> None:
    templates["a"] = "{{ nothing }}"
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        rendered("a")
