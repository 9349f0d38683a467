"""Tests for reporting/browser.py: a report in a real browser, if there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reporting.browser import NEEDED, ask
from reporting.made import picture, whole_run
from sb3_prune import write_report

pytestmark = [pytest.mark.slow, NEEDED]
EVIL = (
    "<script>document.title = 'evil'</script><img src=x onerror=\"document.title=1\">"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two runs; the name of one is code, which must not run."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [
        whole_run(folder / "a", label=EVIL),
        whole_run(folder / "b", seed=2, label="a" * 120),
    ]
    picture(runs[0] / "arm.gif")
    picture(runs[0] / "analysis" / "distances.png", (900, 300))
    return write_report(runs, folder / "report.html").read_text("utf-8")


def answer(folder: Path, page: str, question: str, width: int = 1200) -> Any:
    return json.loads(ask(folder, page, question, width))


def test_it_shows_the_numbers(page: str, tmp_path: Path) -> None:
    text = answer(tmp_path, page, "(page) => page.body.innerText")
    for number in ("664", "-88.6 %", "199.5 to 201.5", "magnitude"):
        assert number in text
    assert EVIL in text
    question = "(page) => [page.title, page.querySelectorAll('[onerror]').length]"
    assert answer(tmp_path, page, question) == ["2 runs – sb3-prune", 0]  # noqa: RUF001


def test_pictures_are_loaded(page: str, tmp_path: Path) -> None:
    question = "(page) => [...page.images].map((i) => i.complete && i.naturalWidth > 0)"
    assert answer(tmp_path, page, question) == [True, True]


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_is_wider_than_the_screen(
    page: str, width: int, tmp_path: Path
) -> None:
    question = "(page) => page.documentElement.scrollWidth"
    assert answer(tmp_path, page, question, width) <= width


def test_runs_can_be_chosen(page: str, tmp_path: Path) -> None:
    question = """(page) => {
      const button = page.querySelectorAll("#overview .legend button")[1];
      const seen = () => [page.getElementById("run-1").hidden,
        page.querySelectorAll("#overview svg .off").length];
      button.click();
      const off = seen();
      button.click();
      return [off, seen()];
    }"""
    assert answer(tmp_path, page, question) == [[True, 2], [False, 0]]


def test_values_are_shown_at_the_pointer(page: str, tmp_path: Path) -> None:
    question = """(page, view) => {
      const svg = page.querySelector("#run-0 .chart svg");
      const box = svg.getBoundingClientRect();
      const at = { clientX: box.right - 1, clientY: box.top + 9, bubbles: true };
      svg.dispatchEvent(new view.PointerEvent("pointermove", at));
      return page.querySelector("#run-0 .tip").innerText.split(/\\n+/);
    }"""
    told = answer(tmp_path, page, question)
    pairs = dict(zip(told[::2], told[1::2], strict=True))
    assert pairs == {
        "step": "200",
        "mean return, greedy": "200.5",
        "actor.mu.0": "6",
        "actor.mu.2": "70",
    }


@pytest.mark.parametrize("stepped", ["true", "false"])
def test_a_line_has_no_value_where_it_is_not(
    page: str, stepped: str, tmp_path: Path
) -> None:
    """Other runs may go on longer, and evaluations begin later than training."""
    line = f"{{x: [100, 200], y: [1, 2], stepped: {stepped}}}"
    question = f"""(page, view) => [99, 100, 120, 200, 201].map(
      (x) => view.text(view.at({line}, x), false))"""
    known = ["–", "1", "1", "2", "–"]  # noqa: RUF001
    assert answer(tmp_path, page, question) == known


def test_counts_are_not_rounded(page: str, tmp_path: Path) -> None:
    question = """(page, view) => [12345, 12345.6, -1234.5, 8.64321].map(
      (n) => view.text(n, false))"""
    known = ["12,345", "12,346", "-1,235", "8.643"]
    assert answer(tmp_path, page, question) == known


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_and_dark(page: str, scheme: str, tmp_path: Path) -> None:
    """The colours of the other scheme are there, and readable on its paper."""
    dark = scheme == "dark"
    forced = page.replace("(prefers-color-scheme: dark)", "all" if dark else "not all")
    question = """(page, view) => {
      const style = view.getComputedStyle(page.body);
      return [style.backgroundColor, style.color].map((text) =>
        text.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));
    }"""
    paper, ink = answer(tmp_path, forced, question)
    assert (paper < ink) is dark and abs(paper - ink) > 450


def test_without_its_script_it_can_be_read(page: str, tmp_path: Path) -> None:
    bare = page.replace("script-src 'unsafe-inline'", "script-src 'none'")
    question = """(page) => [page.querySelectorAll("button").length,
      page.querySelectorAll(".legend span").length > 0, page.body.innerText]"""
    buttons, legend, text = answer(tmp_path, bare, question)
    assert buttons == 0 and legend and "199.5 to 201.5" in text
