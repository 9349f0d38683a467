"""Tests for cli/screen.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from runs.working import Interrupted
from stable_baselines3 import A2C

from cli.conftest import Command, contents
from sb3_prune.cli import screen
from sb3_prune.runs import read_table
from sb3_prune.screening import Outcomes, ScreeningCallback, sweep_thresholds

LINE = ["screen", "--algo", "a2c", "--env", "CartPole-v1", "--timesteps", "300"]
LINE += ["--seeds", "0:6", "--test-seeds", "6:12", "--level", "20", "--episodes", "2"]
FILES = ["runs.png", "screening.json", "seeds", "seeds.csv", "thresholds.png"]


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process."""
    pool = ThreadPoolExecutor(1)
    monkeypatch.setattr(screen, "_executor", lambda _: nullcontext(pool))


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_what_it_writes_is_what_its_table_says(
    command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = command(*LINE, "--out", out, "--within", 150, 300)
    assert (result.code, result.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == FILES
    rows = read_table(out / "seeds.csv")
    assert [row["seed"] for row in rows] == list(range(12))
    found = json.loads((out / "screening.json").read_text())
    assert {"sb3-prune", "torch"} <= found["versions"].keys()
    sweep = sweep_thresholds(Outcomes.of(rows[:6]), Outcomes.of(rows[6:]), window=50)
    assert found["threshold"] == sweep.chosen
    assert found["test"]["boost"] == sweep.test_gain.boost
    assert [each["limit"] for each in found["rates"]] == [150, 300]
    assert result.out.splitlines()[0].startswith("entropy: threshold ")
    assert found["verdict"] in result.out
    solved = found["rates"][0]["all"]
    assert f"({solved['successes']} of 6) of all" in result.out
    assert "on 6 held-out seeds (p = " in result.out
    for name in ("runs.png", "thresholds.png"):
        with Image.open(out / name) as picture:
            assert picture.width > 400


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_a_second_call_trains_only_what_is_missing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = command(*LINE, "--out", out)
    before = contents(out)
    (out / "seeds/seed=3.json").unlink()
    (out / "seeds.parquet").touch()  # Of a call with another --table.
    made: list[int] = []
    learn = A2C.learn
    monkeypatch.setattr(
        A2C, "learn", lambda self, *a: made.append(self.seed) or learn(self, *a)
    )
    again = command(*LINE, "--out", out)
    # Seed 0 is the agent that is measured before all others, to tell mistakes.
    assert again == first and made == [0, 3] and contents(out) == before
    other = command(*LINE, "--out", out, "--timesteps", 400)
    assert other.code == 2 and "steps is 300 there, 400 here" in other.err
    assert contents(out) == before


def test_ctrl_c_while_workers_start_leaves_what_the_next_call_takes(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = nullcontext(Interrupted())
    monkeypatch.setattr(screen, "_executor", lambda _: executor)
    for _ in range(2):
        assert command(*LINE, "--out", tmp_path / "out").code == 130
        found = [path.name for path in tmp_path.rglob("*")]
        assert found == ["out", "seeds"]


@pytest.mark.parametrize("seed", [0, 5])
def test_agents_are_those_of_stock_sb3(seed: int) -> None:
    given = {"algo": "a2c", "env": "CartPole-v1", "learning_rate": 2.5e-3}
    ours, theirs = ScreeningCallback(), ScreeningCallback()
    screen.make_agent(seed, n_envs=1, **given).learn(50, ours)
    A2C("MlpPolicy", "CartPole-v1", 2.5e-3, seed=seed, device="cpu").learn(50, theirs)
    assert ours.value == theirs.value


@pytest.mark.slow
def test_processes_find_the_same(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    there = command(*LINE, "--out", tmp_path / "a", "--workers", 1, "--table", "csv")
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(
            screen, "on_cluster", lambda to: asked.append(to) or nullcontext(pool)
        )
        line = [*LINE, "--out", tmp_path / "b", "--scheduler", "tcp://10.0.0.1:8786"]
        here = command(*line, "--table", "parquet")
    assert there.code == here.code == 0 and asked == ["tcp://10.0.0.1:8786"]
    assert read_table(tmp_path / "a/seeds.csv") == read_table(
        tmp_path / "b/seeds.parquet"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_without_any_success_nothing_is_judged(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "out/seeds").mkdir(parents=True)
    (tmp_path / "out/screening.json").write_text("{}")  # Of other seeds.
    result = command(*LINE, "--out", tmp_path / "out", "--level", 1_000)
    assert result.code == 2 and "None of 6 runs succeeds (seeds" in result.err
    assert len(read_table(tmp_path / "out/seeds.csv")) == 12
    assert not (tmp_path / "out/screening.json").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--test-seeds", "5:9"], "share seeds"),
        (["--screener", "entropie"], "Did you mean 'entropy'?"),
        (["--option", "bins=1"], "bins must be"),
        (["--algo", "sac"], "sac needs Box actions"),
        (["--algo-kwargs", "gama=1"], "Did you mean 'gamma'?"),
        (["--learning-rate", "-1"], "--learning-rate must be positive"),
        (["--scheduler", "nowhere"], "must be like tcp://"),
        (["--timesteps", "40"], "--timesteps must be"),
        (["--screener", "guided-entropy"], "for ReLU networks"),
    ],
)
def test_mistakes_are_one_line(
    refused: Callable[..., str], tmp_path: Path, more: list[str], message: str
) -> None:
    assert message in refused(*LINE, "--out", tmp_path / "out", *more)


def test_other_folders_are_left_alone(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    message = refused(*LINE, "--out", tmp_path / "mine")
    assert "exists and has no folder seeds" in message


def test_a_task_without_a_level_needs_one(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    line: list[Any] = [each for each in LINE if each not in ("--level", "20")]
    line += ["--env", "Pendulum-v1", "--out", tmp_path / "out"]
    assert "nobody says when 'Pendulum-v1' is solved" in refused(*line)


def test_a_window_costs_whole_steps_of_all_environments() -> None:
    assert [screen._cost(50, n) for n in (1, 8, 50, 64)] == [50, 56, 50, 64]
