"""Tests for cli/zips.py."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from zoo import ALGORITHMS, equal, trained

import sb3_prune as sp
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import CheckpointError, NonFiniteError, UnknownNameError


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_is_found(name: str, tmp_path: Path) -> None:
    model = trained(name)
    model.save(tmp_path / "agent.zip")
    loaded = read_zip(tmp_path / "agent.zip").load()
    assert type(loaded) is type(model)
    assert equal(loaded.policy.state_dict(), model.policy.state_dict())


def test_stock_zips_and_pruned_ones(stock_zip: Path, sac_zip: Path) -> None:
    assert type(read_zip(stock_zip).load().policy) is SAC.policy_aliases["MlpPolicy"]
    pruned = read_zip(sac_zip).load()
    assert sp.wire(pruned.policy)["critic.qf0.0"].units == 6


def test_the_algorithm_can_be_named(stock_zip: Path) -> None:
    assert type(read_zip(stock_zip, algorithm="sac").load()) is SAC
    with pytest.raises(UnknownNameError, match="algorithm 'dnq'"):
        read_zip(stock_zip, algorithm="dnq")


@pytest.mark.parametrize("name", ["dqn", "tqc", "crossq", "ppo", "value-sac"])
def test_the_wrong_algorithm(stock_zip: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=rf"sac\.zip.* sac saved it, not {name}"):
        read_zip(stock_zip, algorithm=name)


@pytest.mark.parametrize("policy", [None, "MlpPolicy", 3, {"a": 1}])
def test_a_policy_that_is_none(policy: object, stock_zip: Path, tmp_path: Path) -> None:
    path = rewrite(stock_zip, tmp_path / "agent.zip", policy_class=policy)
    with pytest.raises(CheckpointError, match="its policy_class must be a policy, got"):
        read_zip(path)


def test_a_policy_of_another_algorithm(stock_zip: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(stock_zip) as archive:
        theirs = json.loads(archive.read("data"))["policy_class"]
    PPO("MlpPolicy", "Pendulum-v1", n_steps=8, batch_size=8).save(tmp_path / "ppo")
    path = rewrite(tmp_path / "ppo.zip", tmp_path / "agent.zip", policy_class=theirs)
    with pytest.raises(CheckpointError, match="SACPolicy is that of sac"):
        read_zip(path)


def test_a_zip_that_is_damaged_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "agent.zip", "w") as archive:
        for name in ("data", "policy.pth", "system_info.txt"):
            archive.writestr(name, b"\xff\xfe")
    with pytest.raises(CheckpointError, match=r"\(saved with .*\) cannot be loaded"):
        read_zip(tmp_path / "agent.zip")


def test_a_path_without_suffix(stock_zip: Path, tmp_path: Path) -> None:
    shutil.copy(stock_zip, tmp_path / "ppo_small.zip")
    (tmp_path / "ppo_small").mkdir()  # RL Zoo has such folders.
    assert read_zip(tmp_path / "ppo_small").path == tmp_path / "ppo_small.zip"
    for near in ("ppo_smal", "ppo_smal.zip"):
        with pytest.raises(CheckpointError, match=r"Did you mean '.*ppo_small\.zip'"):
            read_zip(tmp_path / near)


@pytest.mark.parametrize("name", ["", ".", "é" * 200, "nul\0", "/dev/null", "-1"])
def test_a_path_that_is_no_file(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"does not exist|cannot be read"):
        read_zip(name)


def test_changes(stock_zip: Path) -> None:
    model = read_zip(stock_zip).load(seed=3, learning_rate=0.5)
    assert (model.seed, model.lr_schedule(1)) == (3, 0.5)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        read_zip(tmp_path / "nothing.zip")
    with pytest.raises(CheckpointError, match="does not exist"):
        read_zip(tmp_path)


def test_a_file_that_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "agent.zip").write_text("no zip")
    with pytest.raises(CheckpointError, match="truncated or not a zip"):
        read_zip(tmp_path / "agent.zip")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_zip(stock_zip: Path, tmp_path: Path, share: float) -> None:
    whole = stock_zip.read_bytes()
    (tmp_path / "agent.zip").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="truncated"):
        read_zip(tmp_path / "agent.zip")


def test_a_damaged_zip(stock_zip: Path, tmp_path: Path) -> None:
    damaged = bytearray(stock_zip.read_bytes())
    damaged[100] ^= 255
    (tmp_path / "agent.zip").write_bytes(damaged)
    with pytest.raises(CheckpointError, match="damaged: 'data'"):
        read_zip(tmp_path / "agent.zip")


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "agent.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"not an agent of SB3.*data, policy.pth"):
        read_zip(tmp_path / "agent.zip")


def rewrite(
    source: Path,
    target: Path,
    files: Mapping[str, bytes] | None = None,
    **changes: object,
) -> Path:
    """Copy a zip, with other files, and other values in its ``data``."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = (files or {}).get(name) or old.read(name)
            if name == "data":
                content = json.dumps(json.loads(content) | changes).encode()
            new.writestr(name, content)
    return target


def test_a_pickle_of_another_version(stock_zip: Path, tmp_path: Path) -> None:
    broken = {":type:": "x", ":serialized:": "AAAA"}
    path = rewrite(stock_zip, tmp_path / "agent.zip", policy_class=broken)
    with pytest.raises(CheckpointError, match=r"saved with .*cannot be loaded"):
        read_zip(path)


def test_objects_of_a_package_that_is_missing(stock_zip: Path, tmp_path: Path) -> None:
    pickled = base64.b64encode(b"cnowhere.schedules\nLinear\n.").decode()
    path = tmp_path / "agent.zip"
    rewrite(stock_zip, path, clip_range={":type:": "x", ":serialized:": pickled})
    with pytest.raises(CheckpointError, match="of the package 'nowhere': install it"):
        read_zip(path)


def test_other_spaces(stock_zip: Path) -> None:
    with pytest.raises(CheckpointError, match="observation space"):
        read_zip(stock_zip).load(make_vec_env("CartPole-v1", 1))
    arm = "sb3_prune/PlanarArm-v0"
    kwargs = {"n_joints": 1, "action_mode": "continuous"}
    with pytest.raises(CheckpointError, match="another environment"):
        read_zip(stock_zip).load(make_vec_env(arm, 1, env_kwargs=kwargs))


def test_nan(tmp_path: Path) -> None:
    model = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [4]})
    with torch.no_grad():
        model.actor.mu.bias[0] = torch.nan
    model.save(tmp_path / "agent.zip")
    with pytest.raises(NonFiniteError, match=r"actor\.mu\.bias"):
        read_zip(tmp_path / "agent.zip")


def test_nan_in_an_optimiser(tmp_path: Path) -> None:
    model = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [4]})
    optimizer = model.actor.optimizer
    for parameter in model.actor.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for state in optimizer.state.values():
        state["exp_avg"].fill_(torch.inf)
    model.save(tmp_path / "agent.zip")
    with pytest.raises(
        NonFiniteError, match=r"actor\.optimizer\.state\.0\.exp_avg.*and"
    ):
        read_zip(tmp_path / "agent.zip")


def test_complex_numbers(stock_zip: Path, tmp_path: Path) -> None:
    weights = SAC.load(stock_zip).policy.state_dict()
    weights["actor.mu.bias"] = weights["actor.mu.bias"] + 2j
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    path = rewrite(stock_zip, tmp_path / "agent.zip", {"policy.pth": buffer.getvalue()})
    with pytest.raises(
        CheckpointError, match=r"complex numbers in policy\.actor\.mu\."
    ):
        read_zip(path)


def test_nan_beside_the_policy(tmp_path: Path) -> None:
    model = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [4]})
    assert model.log_ent_coef is not None
    model.log_ent_coef.data.fill_(torch.nan)
    model.save(tmp_path / "agent.zip")
    with pytest.raises(NonFiniteError, match=r"variables\.log_ent_coef"):
        read_zip(tmp_path / "agent.zip")
