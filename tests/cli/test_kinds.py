"""Tests for cli/kinds.py: policies that fit the observations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.torch_layers import CombinedExtractor, NatureCNN

import sb3_prune as sp
from cli.conftest import OFF, ON, Command
from sb3_prune.cli.algorithms import ALGORITHMS
from sb3_prune.cli.kinds import policy_for
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import ConfigError
from sb3_prune.policies import MaskedPolicyMixin

pytestmark = pytest.mark.usefixtures("no_figures")
VECTOR = spaces.Box(-1, 1, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)
BOTH = spaces.Dict({"image": IMAGE, "vector": VECTOR})
VECTORS_ONLY = {"branching-dqn", "value-sac", "crossq"}
IMAGES, DICTIONARIES = "cli.shown:cli/Picture-v0", "cli.shown:cli/Both-v0"
TINY = ["--timesteps", "64", "--eval-episodes", "1", "--eval-every", "1000"]
TINY += ["--strategy", "magnitude", "--final-sparsity", "0.5"]


@pytest.mark.parametrize("space", [IMAGE, BOTH], ids=["image", "both"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm(name: str, space: spaces.Space[Any]) -> None:
    algorithm = ALGORITHMS[name]
    assert policy_for(algorithm, "auto", VECTOR) is algorithm.policy
    if name in VECTORS_ONLY:
        with pytest.raises(ConfigError, match=r"has no policy for .*dqn, qrdqn, sac"):
            policy_for(algorithm, "auto", space)
        return
    found = policy_for(algorithm, "auto", space)
    assert issubclass(found, MaskedPolicyMixin)
    assert ("Cnn" if space is IMAGE else "MultiInput") in found.__name__
    aliases = algorithm.cls.policy_aliases.values()
    assert sp.policies.masked.stock_base(found) in aliases


def test_an_mlp_that_is_asked_for() -> None:
    ppo = ALGORITHMS["ppo"]
    assert policy_for(ppo, "mlp", IMAGE) is ppo.policy
    assert policy_for(ppo, "ofexi", VECTOR) is ppo.ofexi
    for kind in ("mlp", "ofexi"):
        with pytest.raises(ConfigError, match="must be one array for --policy"):
            policy_for(ppo, kind, BOTH)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "extractor", "more"),
    [(IMAGES, NatureCNN, []), (DICTIONARIES, CombinedExtractor, [])],
    ids=["image", "both"],
)
@pytest.mark.parametrize(("algo", "kwargs"), [("ppo", ON), ("dqn", OFF)])
def test_an_agent_is_trained_and_played(
    algo: str,
    kwargs: list[str],
    env: str,
    extractor: type,
    more: list[str],
    command: Command,
    tmp_path: Path,
) -> None:
    out, first = tmp_path / "run", ["--networks", "mlp_extractor.policy_net"]
    layers = first if algo == "ppo" else ["--networks", "q_net"]
    line = ["--algo", algo, "--env", env, *TINY, "--net-arch", "8", *layers]
    result = command("train", *line, "--out", out, "--algo-kwargs", *kwargs)
    assert result.code == 0, result.err
    model: Any = read_zip(out / "model.zip").load()
    policy = model.policy if algo == "ppo" else model.policy.q_net
    assert isinstance(policy.features_extractor, extractor)
    for zipped in ("model.zip", "plain.zip"):
        if (out / zipped).exists():
            line = [out / zipped, "--episodes", "2", "--json"]
            found = command("evaluate", *line)
            assert found.code == 0, found.err
            assert json.loads(found.out)["episodes"] == 2
    line = [out / "model.zip", "--episodes", "1", "--out", tmp_path / "analysis"]
    assert command("analyze", *line, "--analysis", "dormancy").code == 0
    line = [out / "model.zip", *TINY, "--timesteps", "0", "--out", tmp_path / "now"]
    assert command("prune", *line, "--no-verify").code == 0


@pytest.mark.slow
def test_a_plain_zip_of_dictionaries_is_verified(
    command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    line = ["--algo", "ppo", "--env", DICTIONARIES, "--strategy", "none"]
    line += ["--timesteps", "32", "--eval-episodes", "0", "--algo-kwargs", *ON]
    result = command("train", *line, "--out", out)
    assert "loads without sb3-prune, actions equal" in result.out, result.err


def test_images_that_are_too_small(refused: Callable[..., str], tmp_path: Path) -> None:
    line = ["--algo", "ppo", "--env", IMAGES, "--env-kwargs", "size=8", *TINY]
    line += ["--out", tmp_path / "run"]
    assert "ppo cannot be built: " in refused("train", *line)
