"""Tests for docs/screening.md."""

from __future__ import annotations

import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import A2C

from sb3_prune.cli.parsing import parse
from sb3_prune.cli.seeds import ScreenOptions
from sb3_prune.plugins import screeners
from sb3_prune.plugins.options import options_of
from sb3_prune.runs import write_table
from sb3_prune.screening import batches
from screening.tabled import drawn

PAGE = Path(__file__).parents[2] / "docs" / "screening.md"
TEXT = PAGE.read_text("utf-8")
FIRST, MANY, SWEPT, CLASSIFIED, DRAWN, OWN = re.findall(
    r"```python\n(.*?)```", TEXT, re.DOTALL
)


def run(code: str, name: str = "example") -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": name}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_a_run_is_screened() -> None:
    names = run(FIRST.replace("20_000", "100"))
    steps = names["model"].num_timesteps
    assert steps == (100 if names["screening"].passed else 50)


def test_seeds_are_screened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the 500 seeds, for 60 of the 100,000 steps, in this process."""
    monkeypatch.chdir(tmp_path)
    code = MANY.replace("range(500)", "range(2)").replace("100_000", "60")
    with ThreadPoolExecutor(1) as pool:
        here = partial(batches.carry_out, executor=pool)
        monkeypatch.setattr(batches, "carry_out", lambda *a, **k: here(*a, desc="d"))
        rows = run(code, "__main__")["rows"]
    assert [row["seed"] for row in rows] == [0, 1]
    for column in re.findall(r"`(\w+)`", TEXT.partition("Each row has")[2][:160]):
        assert column in rows[0]


def test_an_agent_is_drawn() -> None:
    code = DRAWN.replace("20_000", "60")
    names = run(code.replace("seed=seed", "seed=seed, n_steps=64"))
    assert names["drawn"].values[names["drawn"].seed] >= 0.6


def test_the_example_is_a_screener_of_15_lines() -> None:
    """``check_screener`` is called by the example itself."""
    found: list[Any] = []
    run(OWN)["register_screeners"](found.append)
    assert found[0].name == "deaf"
    own = OWN.partition("check_screener\n\n")[2].partition("\n\n\ncheck")[0]
    assert len([line for line in own.splitlines() if line.strip()]) <= 15


def test_every_screener_and_option_has_its_row() -> None:
    ours = {n: c for n, c in screeners().items() if "sb3_prune_" in c.__module__}
    assert len(ours) == 7
    for name, cls in ours.items():
        assert f"| `{name}` |" in TEXT
        for option in options_of(cls.Config):
            assert f"| `{option.name}` |" in TEXT, option.name


def test_a_window_of_a2c_has_nine_updates() -> None:
    from screening.made import Watching

    model = A2C("MlpPolicy", "CartPole-v1", device="cpu")
    model.learn(100, Watching(50))
    assert model._n_updates == 9 and "updated 9 times" in TEXT


@pytest.mark.slow
def test_the_statistics_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs, generator = drawn(1_000, 0, effect=0.3), np.random.default_rng(0)
    rows: list[dict[str, Any]] = [
        {
            "seed": int(seed),
            "value": float(value),
            "passed": None,
            "solved": bool(success),
            "steps_to_solve": float(spent) if success else None,
            "steps": float(spent),
            "details": {
                "entropy": {n: generator.normal(size=64).tolist() for n in ("a", "b")}
            },
        }
        for seed, value, spent, success in zip(
            runs.seeds, runs.values, runs.iterations, runs.successes, strict=True
        )
    ]
    write_table("runs/screened.parquet", rows)
    run(f"{SWEPT}\n{CLASSIFIED}")
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:5]] == [
        *("threshold", "boost", "boost", "within", "within")
    ]
    assert said[5].startswith("Relation(correlation=-")
    assert [line.split()[0] for line in said[6:]] == ["all", "first", "second"]
    assert sorted(each.name for each in tmp_path.glob("*.png")) == [
        "runs.png",
        "thresholds.png",
    ]


def test_the_command_is_one_that_is_accepted() -> None:
    text = TEXT.partition("$ sb3-prune screen")[2].partition("```")[0]
    line = shlex.split(text.replace("\\\n", " "))
    options = parse(ScreenOptions, line, "screen")
    options.check()
    assert options.ranges() == ((range(500),), (range(500, 1_000),))
    assert f"{options.timesteps:,} steps at most" in TEXT
    assert f"the last {options.episodes} training episodes" in TEXT
