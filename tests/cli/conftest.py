"""Run the command in this process; small agents that it saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import SAC

import sb3_prune as sp
from cli.rl_zoo import normalised, save_zoo
from sb3_prune import plugins
from sb3_prune.cli import main
from sb3_prune.evaluation.latency import latency_us

OFF = ["learning_starts=20", "batch_size=16", "buffer_size=500"]
ON = ["n_steps=32", "batch_size=16"]
TINY = ["--timesteps", "96", "--net-arch", "8", "8"]
TINY += ["--eval-episodes", "1", "--eval-every", "1000"]
SAC_ARGUMENTS = ["--algo", "sac", "--env", "Pendulum-v1", "--algo-kwargs", *OFF]


@dataclass
class Result:
    """What a run of the command left."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def quick_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time a few decisions only."""
    quick = partial(latency_us, repeats=10)
    monkeypatch.setattr("sb3_prune.cli.results.latency_us", quick)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, for tests of something else."""
    for name in ("plot_widths", "plot_learning"):
        monkeypatch.setattr(f"sb3_prune.cli.results.{name}", lambda *_, **__: None)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Callable[..., str]:
    """Run the command, and check that it refuses in one line and writes nothing."""

    def run(*arguments: object) -> str:
        before = contents(tmp_path)
        result = command(*arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("sb3-prune: error: ")
        assert result.err.count("\n") == 1
        assert contents(tmp_path) == before
        return result.err

    return run


def contents(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="session")
def sac_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pruned agent with twin critics of different widths."""
    path = tmp_path_factory.mktemp("saved") / "sac.zip"
    kwargs: dict[str, Any] = {"net_arch": [8, 8]}
    model = SAC(sp.MaskedSACPolicy, "Pendulum-v1", policy_kwargs=kwargs, seed=0)
    sp.apply(model, {"critic.qf0.0": sp.surgery.remove([0, 1], 8)})
    model.save(path)
    return path


@pytest.fixture(scope="session")
def stock_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agent of plain SB3."""
    path = tmp_path_factory.mktemp("stock") / "sac.zip"
    SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8]}).save(path)
    return path


@pytest.fixture
def third_party() -> Iterator[Callable[[object], None]]:
    """Add plug-ins for the time of a test."""
    added: list[object] = []

    def add(plugin: object) -> None:
        plugins.add_plugin(plugin, f"third-party-{len(added)}")
        added.append(plugin)

    yield add
    for plugin in added:
        plugins.remove_plugin(plugin)


@pytest.fixture(scope="session")
def zoo_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agent of RL Zoo, trained on normalised observations."""
    return save_zoo(tmp_path_factory.mktemp("logs"), normalised())
