"""Tests for callbacks/checkpoint.py."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import ofexi_zoo
import pytest
import zoo
from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.callbacks import BaseCallback

import sb3_prune as sp
from callbacks.resuming import Fixed, digest, fixed_env
from sb3_prune import FeatureCallback, PruningCallback, ResumableCheckpointCallback
from sb3_prune.exceptions import CheckpointError, ConfigError
from sb3_prune.runs import checkpoints

TOTAL = 96
CONFIG = {"final_sparsity": 0.5, "begin": 0.2, "end": 1.0, "steps": 6}
LONG = 1_000_000
"""Steps of a run that only a kill ends."""
EVERY = 16
"""Its steps between two checkpoints."""
EARLY = {"final_sparsity": 0.5, "begin": 0.0, "end": 1500 / LONG, "steps": 30}


class Killed(BaseException):
    """Nobody catches it, as with a real kill."""


class KillAt(BaseCallback):
    """End the run in the midst of a rollout."""

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.timesteps = timesteps

    def _on_step(self) -> bool:
        if self.model.num_timesteps >= self.timesteps:
            raise Killed
        return True


def train_to(model: Any, total: int, *callbacks: BaseCallback) -> Any:
    """Train until so many timesteps are done, those before included."""
    left = total - model.num_timesteps
    return zoo.train(model, left, callback=list(callbacks), reset_num_timesteps=False)


def saving(folder: Path, pruning: PruningCallback, every: int = 40) -> Any:
    return ResumableCheckpointCallback(folder, every, {"pruning": pruning})


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_killed_run_ends_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    pruning = PruningCallback("magnitude", CONFIG)
    whole = train_to(zoo.make_model(name, env=fixed_env(name)), TOTAL, pruning)
    history, expected = pruning.history, digest(whole)

    pruning = PruningCallback("magnitude", CONFIG)
    model: Any = zoo.make_model(name, env=fixed_env(name))
    with pytest.raises(Killed):
        train_to(model, TOTAL, pruning, saving(tmp_path, pruning), KillAt(74))

    pruning = PruningCallback("magnitude", CONFIG)
    callback = saving(tmp_path, pruning)
    model, states = checkpoints.load(type(model), tmp_path, fixed_env(name))
    callback.restore(states)
    assert 40 <= model.num_timesteps < 74
    assert 1 < len(pruning.history) < len(history)
    train_to(model, TOTAL, pruning, callback)
    assert digest(model) == expected
    assert pruning.history == history


def pendulum() -> Any:
    """Make an environment whose episodes have 16 steps and begin alike."""
    return Fixed(TimeLimit(gym.make("Pendulum-v1"), 16))


@pytest.mark.slow
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("name", ["PPO", "A2C", "SAC"])
def test_features_of_a_killed_run_go_on_learning(
    name: str, last: bool, tmp_path: Path
) -> None:
    whole = train_to(
        ofexi_zoo.make_model(name, env=pendulum()), TOTAL, FeatureCallback()
    )

    def callbacks() -> list[BaseCallback]:
        saving = ResumableCheckpointCallback(tmp_path, 16)
        both: list[BaseCallback] = [FeatureCallback(), saving]
        return both if last else both[::-1]

    model = ofexi_zoo.make_model(name, env=pendulum())
    with pytest.raises(Killed):
        train_to(model, TOTAL, *callbacks(), KillAt(50))
    model, _ = checkpoints.load(type(model), tmp_path, pendulum())
    assert model.num_timesteps == 48
    train_to(model, TOTAL, *callbacks())
    assert digest(model) == digest(whole)


def test_a_strategy_that_draws_goes_on_drawing(tmp_path: Path) -> None:
    pruning = PruningCallback("random", CONFIG)
    train_to(zoo.make_model("SAC"), 64, pruning, saving(tmp_path, pruning))
    model, states = checkpoints.load(
        type(zoo.trained("SAC")), tmp_path, zoo.make_env("SAC")
    )
    other = PruningCallback("random", CONFIG)
    other.load_state_dict(states["pruning"])
    train_to(model, 65, other)
    assert other.state_dict()["rng"] == pruning.state_dict()["rng"]
    assert other.history == pruning.history
    fresh = PruningCallback("random", CONFIG)
    train_to(zoo.make_model("SAC"), 1, fresh)
    assert fresh.state_dict()["rng"] != pruning.state_dict()["rng"]


@pytest.mark.parametrize(
    ("name", "steps"), [("SAC", [48, 96, 128]), ("PPO", [64, 128])]
)
def test_it_saves_between_rollouts_and_at_the_end(
    name: str, steps: list[int], tmp_path: Path, capsys: Any
) -> None:
    callback = ResumableCheckpointCallback(tmp_path, 48, keep=9, verbose=1)
    train_to(zoo.make_model(name), 128, callback)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == steps
    printed = capsys.readouterr().out
    assert [f"Checkpoint: {tmp_path / str(n)}" in printed for n in steps]


def test_nothing_is_saved_again_by_a_run_that_is_over(tmp_path: Path) -> None:
    pruning = PruningCallback("magnitude", {**CONFIG, "end": 1.0})
    model: Any = zoo.make_model("PPO", env=fixed_env("PPO"))
    train_to(model, TOTAL, pruning, saving(tmp_path, pruning))
    before = digest(model)
    model, states = checkpoints.load(type(model), tmp_path, fixed_env("PPO"))
    assert states["pruning"]["strategy"] == {"event": 7}  # It is done, and says so.
    pruning.load_state_dict(states["pruning"])
    train_to(model, TOTAL, pruning, saving(tmp_path, pruning))
    assert digest(model) == before
    assert [path.name for path in tmp_path.iterdir()] == [str(TOTAL)]


def test_a_second_run_of_a_callback_starts_anew() -> None:
    pruning = PruningCallback("magnitude", CONFIG)
    train_to(zoo.make_model("SAC"), TOTAL, pruning)
    first, ended = pruning.history, pruning.state_dict()
    with pytest.raises(Killed):
        train_to(zoo.make_model("SAC"), TOTAL, pruning, KillAt(8))
    assert pruning.state_dict()["strategy"] != ended["strategy"]
    assert pruning.history == [*ended["history"], first[0]]


@pytest.mark.slow
def test_a_second_run_of_a_resumed_callback_starts_anew() -> None:
    pruning = PruningCallback("magnitude", CONFIG)
    model = train_to(zoo.make_model("SAC"), TOTAL, pruning)
    first = pruning.history.copy()
    pruning.load_state_dict(pruning.state_dict())
    train_to(model, TOTAL, pruning)
    assert pruning.history == first
    train_to(zoo.make_model("SAC"), TOTAL, pruning)
    assert pruning.history == first * 2


@pytest.mark.slow
def test_saving_changes_nothing(tmp_path: Path) -> None:
    plain = train_to(zoo.make_model("TQC"), 64)
    saved = train_to(
        zoo.make_model("TQC"), 64, ResumableCheckpointCallback(tmp_path, 1)
    )
    assert digest(saved) == digest(plain)


def test_a_folder_of_another_run_is_refused_before_training(tmp_path: Path) -> None:
    train_to(zoo.make_model("SAC"), 8, ResumableCheckpointCallback(tmp_path))
    model = zoo.make_model("SAC")
    with pytest.raises(CheckpointError, match=r"has a checkpoint of 8 .*run is at 0"):
        train_to(model, 8, ResumableCheckpointCallback(tmp_path))
    assert model.num_timesteps == 0


def test_a_state_that_is_no_json_is_refused_before_training(tmp_path: Path) -> None:
    pruning = PruningCallback(zoo.FirstUnits())
    pruning.strategy.state_dict = lambda: {"seen": {1, 2}}  # type: ignore[method-assign]
    model = zoo.make_model("SAC")
    with pytest.raises(CheckpointError, match="'pruning' cannot be stored"):
        train_to(model, 8, saving(tmp_path, pruning))
    assert model.num_timesteps == 0


def test_states_of_other_things_are_refused(tmp_path: Path) -> None:
    callback = saving(tmp_path, PruningCallback())
    with pytest.raises(CheckpointError, match=r"states 'other', this run 'pruning'"):
        callback.restore({"other": {}})
    with pytest.raises(CheckpointError, match=r"states \(none\), this run 'pruning'"):
        callback.restore({})
    with pytest.raises(CheckpointError, match=r"states None, this run 'pruning'"):
        callback.restore(None)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match=r"states 'a', 1, this run 'pruning'"):
        callback.restore({1: {}, "a": {}})  # type: ignore[dict-item]


@pytest.mark.parametrize("option", ["every", "keep"])
def test_bad_arguments_are_refused(option: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{option} must be at least 1, got 0"):
        ResumableCheckpointCallback(tmp_path, **{option: 0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", 3, [1]), r"states must map names to objects, got \[1\]"),
        (("x", 3, []), r"states must map names to objects, got \[\]"),
        (("x", 3, {"a": 1}), "have state_dict and load_state_dict, .* got 'a': 1"),
        (("x", 3, {"a": PruningCallback}), "names to objects .* got 'a': <class"),
        (("x", 3, {1: PruningCallback()}), "states must map names .* got 1: <"),
        ((3, 3), "folder must be a path, got 3"),
        ((None, 3), "folder must be a path, got None"),
        (("x", 3, None, 1, "x"), "verbose must be a whole number, got 'x'"),
    ],
)
def test_wrong_types_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ResumableCheckpointCallback(*arguments)


@pytest.mark.slow
def test_the_script_of_the_docs_starts_a_run_and_resumes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "checkpoints.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"env": zoo.make_env("SAC")}
    for total in ("110", "120"):
        exec(code.replace("1_000_000", total), names)
        assert names["model"].num_timesteps == int(total)
        (left,) = (tmp_path / names["FOLDER"]).iterdir()
        assert left.name == total
    assert names["left"] == 10


class Diary(BaseCallback):
    """Write a digest of every moment at which a checkpoint may be taken."""

    def __init__(self, file: Path, pruning: PruningCallback) -> None:
        super().__init__()
        self.file, self.pruning = file, pruning

    def _on_rollout_start(self) -> None:
        steps, history = self.model.num_timesteps, self.pruning.history
        if steps % EVERY:
            return
        with self.file.open("a") as file:
            print(steps, digest(self.model, self.pruning.state_dict()), file=file)
        cut_before_it = len(history) > 1 and steps > history[1]["timesteps"] + 32
        if cut_before_it:
            print("cut and saved", flush=True)

    def _on_step(self) -> bool:
        return True


def train_until_killed(folder: Path) -> None:
    """Train, prune and save; what the test kills."""
    pruning = PruningCallback("magnitude", EARLY)
    diary = Diary(folder / "diary", pruning)
    checkpointing = saving(folder / "checkpoints", pruning, EVERY)
    train_to(zoo.make_model("SAC"), LONG, pruning, diary, checkpointing)


def kill_a_run(folder: Path) -> None:
    """Start a run in another process and kill it after a cut and a checkpoint."""
    code = (
        "import pathlib; from callbacks.test_checkpoint import train_until_killed;"
        f"train_until_killed(pathlib.Path({str(folder)!r}))"
    )
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"cut and saved\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_killed_in_earnest_resumes(tmp_path: Path) -> None:
    kill_a_run(tmp_path)
    (tmp_path / "checkpoints" / ".64-0123456789abcdef").mkdir()
    lines = (tmp_path / "diary").read_text().splitlines()
    diary = dict(line.split() for line in lines)

    pruning = PruningCallback("magnitude", EARLY)
    callback = saving(tmp_path / "checkpoints", pruning, EVERY)
    cls = type(zoo.trained("SAC"))
    model, states = checkpoints.load(cls, callback.folder, zoo.make_env("SAC"))
    callback.restore(states)
    assert digest(model, pruning.state_dict()) == diary[str(model.num_timesteps)]
    widths = sp.wire(model.policy).units()
    assert widths == pruning.history[-1]["units"] != model.policy.initial_units  # type: ignore[comparison-overlap]

    train_to(model, model.num_timesteps + 64, pruning, callback)
    final = sum(sp.wire(model.policy).units().values())
    assert final < sum(widths.values())
    (left,) = callback.folder.iterdir()
    assert left == callback.folder / str(model.num_timesteps)


DAMAGED: dict[str, Any] = {
    "nothing": lambda s: {},
    "no mapping": lambda s: 3,
    "no strategy": lambda s: {k: v for k, v in s.items() if k != "strategy"},
    "no event": lambda s: {**s, "strategy": {}},
    "a text for a strategy": lambda s: {**s, "strategy": "abc"},
    "a text for an event": lambda s: {**s, "strategy": {"event": "1"}},
    "a text for a history": lambda s: {**s, "history": "abc"},
    "no units": lambda s: {**s, "history": [{"timesteps": 3}]},
    "half a unit": lambda s: {**s, "history": [{"timesteps": 3, "units": {"a": 1.5}}]},
    "no generator": lambda s: {k: v for k, v in s.items() if k != "rng"},
    "half a generator": lambda s: {**s, "rng": {"bit_generator": "PCG64"}},
    "a huge generator": lambda s: {
        **s,
        "rng": {**s["rng"], "state": {"state": 10**400, "inc": 1}},
    },
    "another generator": lambda s: {**s, "rng": {**s["rng"], "bit_generator": "x"}},
    "inputs of nobody": lambda s: {**s, "inputs": ["abc"]},
    "a number for inputs": lambda s: {**s, "inputs": 3},
}


@pytest.fixture(scope="module")
def state() -> Any:
    """What a callback saves of a training."""
    pruning = PruningCallback("magnitude", CONFIG)
    train_to(zoo.make_model("SAC"), 32, pruning)
    return json.loads(json.dumps(pruning.state_dict()))


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_state_of_a_callback_is_refused(
    kind: str, state: Any, tmp_path: Path
) -> None:
    pruning = PruningCallback("magnitude", CONFIG)
    before = pruning.state_dict()
    with pytest.raises(CheckpointError, match=r"'pruning' .* fit PruningCallback: "):
        saving(tmp_path, pruning).restore({"pruning": DAMAGED[kind](state)})
    assert pruning.state_dict() == before
    saving(tmp_path, pruning).restore({"pruning": state})
    assert pruning.state_dict() == state


def test_any_error_of_an_object_is_named_with_its_cause(tmp_path: Path) -> None:
    class Naive:
        def state_dict(self) -> dict[str, Any]:
            return {"x": 1}

        def load_state_dict(self, state: Any) -> None:
            self.x = state["x"]

    callback = ResumableCheckpointCallback(tmp_path, states={"it": Naive()})
    with pytest.raises(CheckpointError, match=r"'it' .* does not fit Naive: Key") as e:
        callback.restore({"it": {}})
    assert isinstance(e.value.__cause__, KeyError)
