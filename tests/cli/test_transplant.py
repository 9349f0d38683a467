"""Tests for cli/transplant.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import DQN, SAC

from cli.conftest import Command

Refused = Callable[..., str]
WIDER = ["--env", "Pendulum-v1", "--net-arch", "16", "16"]


def test_a_bigger_net(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "big"
    result = command("transplant", sac_zip, *WIDER, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith(f"{out}.zip is written\n")
    assert "outputs moved by at most" in result.out
    old, new = SAC.load(sac_zip), SAC.load(out)
    seen = old.observation_space.sample()[None].repeat(5, 0)
    pair = (m.predict(seen, deterministic=True)[0] for m in (old, new))
    np.testing.assert_allclose(*pair, atol=1e-5)


def test_dry_run(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    result = command("transplant", sac_zip, *WIDER, "--dry-run")
    assert result.code == 0 and "carried" in result.out
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize("file", [True, False])
def test_maps(file: bool, command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "old.zip", tmp_path / "new.zip"
    kwargs = {"net_arch": [8]}
    old = DQN("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, buffer_size=10, seed=0)
    old.save(path)
    line: list[object] = ["--env", "Acrobot-v1", "--rule", "copy", "--of", "1"]
    if file:
        maps = {"observations": [0, 1, None, None, 2, 3], "actions": [1, 0, None]}
        (tmp_path / "map.json").write_text(json.dumps(maps))
        line += ["--map", tmp_path / "map.json"]
    else:
        line += ["--observations", *["0", "1", "new", "new", "2", "3"]]
        line += ["--actions", "1", "0", "new"]
    result = command("transplant", path, *line, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert "outputs of new actions: copy" in result.out
    new = DQN.load(out)
    weights = [m.q_net.q_net[0].weight for m in (old, new)]
    assert (weights[0] == weights[1][:, [0, 1, 4, 5]]).all()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ([*WIDER], "either --out, the zip to write, or --dry-run"),
        ([*WIDER, "--dry-run", "--observations", "0", "x"], "takes old indices and"),
        ([*WIDER, "--dry-run", "--map", "nowhere.json"], "cannot be read"),
        (["--dry-run", "--env", "CartPole-v1"], "SAC cannot be built for env"),
        (
            ["--dry-run", "--env", "MountainCarContinuous-v0"],
            "has 3 observations, the new one 2",
        ),
        (["--dry-run"], "--env is missing"),
    ],
)
def test_what_is_refused(
    line: list[str], why: str, refused: Refused, sac_zip: Path
) -> None:
    assert why in refused("transplant", sac_zip, *line)


def test_a_map_of_something_else(
    refused: Refused, sac_zip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "map.json"
    for text in ("[]", "{}", '{"rewards": []}', "{", "3"):
        path.write_text(text)
        said = refused("transplant", sac_zip, *WIDER, "--dry-run", "--map", path)
        assert "--map" in said
    path.write_text('{"actions": [0]}')
    line = [*WIDER, "--dry-run", "--map", path, "--actions", "0"]
    assert "--map says all" in refused("transplant", sac_zip, *line)
