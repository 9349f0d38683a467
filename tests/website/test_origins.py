"""Tests for origins.py: links that hold on GitHub hold on the site, too."""

from __future__ import annotations

from posixpath import join, normpath

import pytest

from website.origins import DOCS, HOME, LINK, ROOT, links, markdown, origins, uri


@pytest.mark.parametrize("address", origins())
def test_every_link_leads_to_a_page(address: str) -> None:
    path = origins()[address]
    if path.suffix != ".md":
        return
    here = normpath(join(address, ".."))
    for old, new in zip(links(path), LINK.findall(markdown(path)), strict=True):
        assert origins()[normpath(join(here, new))] == (path.parent / old).resolve()


def test_the_readme_is_the_first_page() -> None:
    assert uri(HOME) == "index.md"
    assert "](glossary.md)" in markdown(HOME)
    assert "](images/surgery.png)" in markdown(HOME)


def test_pages_lead_out_of_the_folder() -> None:
    page = markdown(DOCS / "compensation.md")
    assert "](examples/cut_without_forgetting.py.md)" in page
    assert "](benchmarks/results/agents/agents.md)" in page


def test_nothing_but_links_changes() -> None:
    for path in DOCS.glob("*.md"):
        assert LINK.sub("", path.read_text("utf-8")) == LINK.sub("", markdown(path))


def test_code_is_a_listing() -> None:
    path = ROOT / "examples" / "demo.py"
    page = markdown(path)
    assert page.startswith("# examples/demo.py\n\n````python\n")
    assert path.read_text("utf-8") in page


def test_addresses_of_the_net_are_left_alone() -> None:
    text = "[a](https://example.org/a.md) [b](b.md#c) ![d](e/d.png) [f](#g)"
    assert LINK.findall(text) == ["b.md", "e/d.png"]
