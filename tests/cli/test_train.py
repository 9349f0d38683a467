"""Tests for cli/train.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import pytest
from stable_baselines3 import SAC
from torch import nn

import sb3_prune as sp
from cli.conftest import OFF, ON, SAC_ARGUMENTS, TINY, Command
from cli.third_party import Plugin
from sb3_prune.cli.algorithms import ALGORITHMS
from sb3_prune.cli.zips import read_zip
from sb3_prune.policies import OFEXiPolicyMixin

Refused = Callable[..., str]
pytestmark = pytest.mark.usefixtures("no_figures")
ARM = "sb3_prune_envs:sb3_prune/PlanarArm1-v0"
MASKED = "cli.picky:cli/Picky-v0"
CASES = {
    "dqn": ("CartPole-v1", OFF),
    "qrdqn": ("CartPole-v1", OFF),
    "branching-dqn": (ARM, OFF),
    "sac": (ARM, OFF),
    "value-sac": ("Pendulum-v1", OFF),
    "td3": ("Pendulum-v1", OFF),
    "ddpg": ("Pendulum-v1", OFF),
    "tqc": ("Pendulum-v1", OFF),
    "crossq": ("Pendulum-v1", OFF),
    "ppo": (ARM, ON),
    "a2c": ("CartPole-v1", ON[:1]),
    "trpo": ("CartPole-v1", ON),
    "maskable-ppo": (MASKED, ON),
    "recurrent-ppo": ("CartPole-v1", ON),
}


def read(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_there_is_a_case_of_every_algorithm() -> None:
    assert CASES.keys() == ALGORITHMS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("algo", CASES)
def test_every_algorithm(algo: str, command: Command, tmp_path: Path) -> None:
    env, more = CASES[algo]
    out = tmp_path / "run"
    given = ["--algo", algo, "--env", env, "--out", out, *TINY, "--no-verify"]
    result = command("train", *given, "--final-sparsity", "0.5", "--algo-kwargs", *more)
    assert (result.code, result.err) == (0, "")
    assert f"folder             {out}\n" in result.out
    assert "(50.0% gone)" in result.out
    model = read_zip(out / "model.zip").load()
    units = sp.wire(model.policy).units()
    assert {n for name, n in units.items() if name != "lstm_actor"} == {4}
    assert type(model) is ALGORITHMS[algo].cls
    assert "sb3_prune" not in str(read_zip(out / "plain.zip").load().policy_class)


@pytest.mark.slow
def test_the_example_of_the_help(command: Command, tmp_path: Path) -> None:
    result = command("train", *SAC_ARGUMENTS, *TINY, "--out", tmp_path / "run")
    assert result.code == 0
    assert "loads without sb3-prune, actions equal" in result.out


@pytest.mark.slow
@pytest.mark.parametrize("algo", [n for n, a in ALGORITHMS.items() if a.ofexi])
def test_every_policy_on_learnt_features(
    algo: str, command: Command, tmp_path: Path
) -> None:
    out, more = tmp_path / "run", CASES[algo][1][:2]
    given = ["--algo", algo, "--env", "Pendulum-v1", "--out", out, *TINY]
    ofe = ["--policy", "ofexi", "--ofe", "blocks=2", "units=4"]
    xinet = ["--strategy", "xinet", "--preset", "prune-b", "--theta-rate", "0.1"]
    result = command("train", *given, *ofe, *xinet, "--algo-kwargs", *more)
    assert (result.code, result.err) == (0, "")
    assert "no stock policy has" in result.out
    model = read_zip(out / "model.zip").load()
    assert isinstance(model.policy, OFEXiPolicyMixin)
    assert model.policy.ofe.pretrained
    assert model.policy.ofe.config.blocks == 2


def test_no_strategy_trains_dense(command: Command, tmp_path: Path) -> None:
    line = [*SAC_ARGUMENTS, *TINY, "--no-verify", "--out", tmp_path / "run"]
    assert command("train", *line, "--strategy", "none").code == 0
    model = read_zip(tmp_path / "run" / "model.zip").load()
    assert set(sp.wire(model.policy).units().values()) == {8}


def test_a_third_party_strategy(
    command: Command, tmp_path: Path, third_party: Callable[[object], None]
) -> None:
    third_party(Plugin())
    shown = command("train", "--strategy", "drop-first", "--help").out
    assert "--how-many INT" in shown
    assert "Units that every layer loses." in shown
    line = [*SAC_ARGUMENTS, *TINY, "--no-verify", "--out", tmp_path / "run"]
    assert command("train", *line, "--strategy=drop-first", "--how-many=3").code == 0
    config = read(tmp_path / "run" / "config.json")
    assert config["strategy"] == {"name": "drop-first", "options": {"how_many": 3}}
    model = read_zip(tmp_path / "run" / "model.zip").load()
    assert set(sp.wire(model.policy).units().values()) == {5}


def test_arguments_arrive(command: Command, tmp_path: Path) -> None:
    result = command(
        "train",
        *["--algo", "td3", "--env", "Pendulum-v1", "--env-kwargs", "g=5", *TINY],
        *["--algo-kwargs", *OFF, 'policy_kwargs={"n_critics": 1}', "train_freq=[1]"],
        *["--action-noise", "0.2", "--learning-rate", "0.01", "--seed", "3"],
        *["--out", tmp_path / "run", "--strategy", "none", "--no-verify"],
    )
    assert result.code == 2  # SB3 wants a unit beside the frequency.
    result = command(
        "train",
        *["--algo", "td3", "--env", "Pendulum-v1", "--env-kwargs", "g=5", *TINY],
        *["--algo-kwargs", *OFF, 'policy_kwargs={"n_critics": 1}'],
        *["--action-noise", "0.2", "--learning-rate", "0.01", "--seed", "3"],
        *["--out", tmp_path / "run", "--strategy", "none", "--no-verify"],
    )
    assert result.code == 0
    model = read_zip(tmp_path / "run" / "model.zip").load()
    assert (model.seed, model.learning_rate) == (3, 0.01)
    assert model.policy_kwargs == {"n_critics": 1, "net_arch": [8, 8]}
    assert model.action_noise is not None
    config = read(tmp_path / "run" / "config.json")
    assert config["env"] == {"id": "Pendulum-v1", "kwargs": {"g": 5}}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_agent(command: Command, tmp_path: Path) -> None:
    line = [*SAC_ARGUMENTS, *TINY, "--no-verify", "--out"]
    for name in ("a", "b"):
        assert command("train", *line, tmp_path / name).code == 0
    states = [
        read_zip(tmp_path / name / "model.zip").load().policy.state_dict()
        for name in ("a", "b")
    ]
    assert all((x == y).all() for x, y in zip(*map(dict.values, states), strict=True))


@pytest.mark.slow
def test_overwrite(command: Command, refused: Refused, tmp_path: Path) -> None:
    line = [*SAC_ARGUMENTS, *TINY, "--no-verify", "--out", tmp_path / "run"]
    assert command("train", *line).code == 0
    assert "exists: choose another folder, or pass" in refused("train", *line)
    assert command("train", *line, "--overwrite", "--seed", "5").code == 0
    assert read_zip(tmp_path / "run" / "model.zip").load().seed == 5
    assert len(list((tmp_path / "run").glob("events*"))) == 1


BAD = {
    "Unknown algorithm 'sacc'. Did you mean 'sac'?": ["--algo", "sacc"],
    "Unknown environment 'Pendulm-v1'. Did you mean": ["--env", "Pendulm-v1"],
    "No module named 'nowhere'": ["--env", "nowhere:Pendulum-v1"],
    "Unknown strategy 'magnitud'. Did you mean": ["--strategy", "magnitud"],
    "Did you mean --final-sparsity": ["--finalsparsity", "0.5"],
    "--timesteps: invalid literal": ["--timesteps", "many"],
    "--timesteps must be at least 1, got 0": ["--timesteps", "0"],
    "The schedule ends after training": ["--end", "1.5"],
    "must be in [0.0, 1)": ["--final-sparsity", "1"],
    "sac needs Box actions, the environment has Discrete(2)": ["--env", "CartPole-v1"],
    "branching-dqn needs MultiDiscrete actions": ["--algo", "branching-dqn"],
    "Did you mean 'batch_size'?": ["--algo-kwargs", "batchsize=3"],
    "expected KEY=VALUE": ["--algo-kwargs", "batch_size"],
    "buffer_size must be a whole number": ["--algo-kwargs", "buffer_size=many"],
    "gamma must be a number of at least 0": ["--algo-kwargs", "gamma=7"],
    "tau must be a number above 0 and at most 1": ["--algo-kwargs", "tau=NaN"],
    "policy_kwargs must be a JSON object, got 3": ["--algo-kwargs", "policy_kwargs=3"],
    "Unknown activation 'ReLUU'. Did you mean 'ReLU'?": [
        *("--algo-kwargs", 'policy_kwargs={"activation_fn": "ReLUU"}'),
    ],
    "Unknown argument of the policy 'activatoin_fn'. Did you mean 'activation_fn'?": [
        *("--algo-kwargs", 'policy_kwargs={"activatoin_fn": "ReLU"}'),
    ],
    "--net-arch and net_arch of policy_kwargs in --algo-kwargs are one setting": [
        *("--algo-kwargs", 'policy_kwargs={"net_arch": [64, 64]}'),
    ],
    "--ofe and ofe of policy_kwargs in --algo-kwargs are one setting": [
        *("--policy", "ofexi", "--ofe", "blocks=2"),
        *("--algo-kwargs", 'policy_kwargs={"ofe": {"blocks": 3}}'),
    ],
    "--algo-kwargs: 'tau' is given twice": ["--algo-kwargs", "tau=0.1", "tau=0.2"],
    "--learning-rate must be positive and finite": ["--learning-rate", "inf"],
    "Tuple(Discrete(32), Discrete(11), Discrete(2)) observation space": [
        *("--algo", "dqn", "--env", "Blackjack-v1"),
    ],
    "--device meta cannot be used": ["--device", "meta"],
    "unexpected keyword argument 'colour'": ["--env-kwargs", "colour=red"],
    "Unknown network 'criti'. Did you mean": ["--networks", "criti"],
    "--net-arch must be a whole number of at least 1": ["--net-arch", "8", "0"],
    "--net-arch must be a whole number of at least 1 and at most 65536": [
        *("--net-arch", "1000000000"),
    ],
    "--ofe: learning_rate: '1e400' is not finite": [
        *("--policy", "ofexi", "--ofe", "learning_rate=1e400"),
    ],
    "--ofe: learning_rate must be finite, got inf": [
        *("--policy", "ofexi", "--ofe", "learning_rate=Infinity"),
    ],
    "--ofe: units must be a whole number of at least 1 and at most 65536": [
        *("--policy", "ofexi", "--ofe", "units=1000000000"),
    ],
    "--timesteps must be at most 9223372036854775807": ["--timesteps", "9" * 23],
    "--env-kwargs: g: '1e400' is not finite": ["--env-kwargs", "g=1e400"],
    "'Pendulum-v1' fails in its first step: TypeError": ["--env-kwargs", "g=x"],
    "dqn has no policy 'ofexi'": ["--algo", "dqn", "--policy", "ofexi"],
    "--ofe is for --policy ofexi": ["--ofe", "blocks=2"],
    "ofe has no option 'block'": ["--policy", "ofexi", "--ofe", "block=2"],
    "blocks must be a whole number of at least 1 and at most 65536, got 1.5": [
        "--policy",
        "ofexi",
        "--ofe",
        "blocks=1.5",
    ],
    "--action-noise must be positive": ["--action-noise", "-1"],
    "--action-noise must be positive and finite": ["--action-noise", "inf"],
    "--threads must be at most 1024": ["--threads", "999999999999999"],
    "ent_coef must be a number of at least 0, got 'auto'": [
        *("--algo", "ppo", "--algo-kwargs", "ent_coef=auto"),
    ],
    "--device gpu cannot be used": ["--device", "gpu"],
    "Observations must be one array for --policy mlp": [
        *("--env", "cli.mixed:cli/Mixed-v0", "--policy", "mlp"),
    ],
    "Observations must be one array for --policy ofexi": [
        *("--env", "cli.mixed:cli/Mixed-v0", "--policy", "ofexi"),
    ],
    "crossq has no policy for dictionaries. Algorithms that have one: dqn, qrdqn,": [
        *("--env", "cli.mixed:cli/Mixed-v0", "--algo", "crossq"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("message", BAD)
def test_bad_input(message: str, refused: Refused, tmp_path: Path) -> None:
    out = ["--out", tmp_path / "run"]
    assert message in refused("train", *SAC_ARGUMENTS, *TINY, *out, *BAD[message])
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_activation_by_name_and_an_algorithm_as_in_sb3(
    command: Command, tmp_path: Path
) -> None:
    line = [*SAC_ARGUMENTS, *TINY, "--no-verify", "--out", tmp_path / "run"]
    line += ["--algo", "SAC", "--algo-kwargs", *OFF]
    result = command("train", *line, 'policy_kwargs={"activation_fn": "Tanh"}')
    assert (result.code, result.err) == (0, "")
    assert read_zip(tmp_path / "run" / "plain.zip").load().policy_kwargs == {
        "activation_fn": nn.Tanh,
        "net_arch": {"pi": [2, 2], "qf": [2, 2]},
        "use_sde": False,
    }


@pytest.mark.parametrize("algo", ["sac", "ppo"])
def test_a_training_that_diverges(algo: str, command: Command, tmp_path: Path) -> None:
    env, more = CASES[algo]
    line = ["--algo", algo, "--env", env, "--out", tmp_path / "run", *TINY]
    line += ["--eval-episodes", "0", "--algo-kwargs", *more]
    result = command("train", *line, "--learning-rate", "1e30")
    assert result.code == 2
    assert "error: Training diverged before step" in result.err
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_folder_of_somebody_else(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    line = [*SAC_ARGUMENTS, *TINY, "--out", tmp_path, "--overwrite"]
    assert "is not a run folder" in refused("train", *line)


def test_what_is_missing(refused: Refused) -> None:
    assert "Missing from sb3-prune train: --algo, --env, --out." in refused("train")


@pytest.mark.slow
def test_stock_sb3_loads_the_plain_zip(command: Command, tmp_path: Path) -> None:
    line = [*SAC_ARGUMENTS, *TINY, "--no-verify", "--out", tmp_path / "run"]
    assert command("train", *line, "--distribution", "global").code == 0
    env = gym.make("Pendulum-v1")
    plain = SAC.load(tmp_path / "run" / "plain.zip", env=env)
    plain.learn(30)
