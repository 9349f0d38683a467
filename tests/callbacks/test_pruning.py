"""Tests for callbacks/pruning.py."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, configure

import sb3_prune as sp
from sb3_prune.callbacks import PruningCallback, pruning
from sb3_prune.exceptions import ConfigError, UnknownNameError

STEPS = 160
CONFIG = {"final_sparsity": 0.5, "begin": 0.2, "end": 0.8, "steps": 3}


def widths(model: Any) -> dict[str, int]:
    return sp.wire(model.policy).units()


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_every_algorithm_is_pruned_while_it_trains(name: str) -> None:
    callback = PruningCallback("magnitude", CONFIG)
    model = zoo.make_model(name, stock=name in zoo.STOCK)
    zoo.train(model, STEPS, callback=callback)
    initial = model.policy.initial_units
    assert sum(widths(model).values()) == pytest.approx(
        sum(initial.values()) / 2, abs=len(initial)
    )
    assert all(units < initial[layer] for layer, units in widths(model).items())


def test_the_history_tells_every_change() -> None:
    callback = PruningCallback("magnitude", CONFIG)
    model = zoo.make_model("SAC")
    zoo.train(model, STEPS, callback=callback)
    steps = [entry["timesteps"] for entry in callback.history]
    totals = [sum(entry["units"].values()) for entry in callback.history]
    assert steps == sorted(set(steps)) and steps[0] == 0
    assert totals == sorted(totals, reverse=True)
    assert callback.history[0]["units"] == model.policy.initial_units
    assert callback.history[-1]["units"] == widths(model)
    assert len(steps) > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_a_soft_run_only_closes_gates(name: str) -> None:
    soft = zoo.make_model(name)
    zoo.train(
        soft, STEPS, callback=PruningCallback("magnitude", CONFIG, physical=False)
    )
    assert widths(soft) == soft.policy.initial_units
    hard = zoo.make_model(name)
    zoo.train(hard, STEPS, callback=PruningCallback("magnitude", CONFIG))
    assert sp.wire(soft.policy).active_units() == widths(hard)


class Once(zoo.FirstUnits):
    """Cut in the second third of training, whatever the weights."""

    def propose(self, agent: Any) -> sp.Plan:
        due = agent.progress > 1 / 3 and "propose" not in self.calls
        plan = super().propose(agent) if due else sp.Plan()
        return sp.Plan({n: c for n, c in plan.items() if agent.wiring[n].gate})


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_soft_and_hard_pruning_train_alike(name: str) -> None:
    hard, soft = (
        zoo.train(
            zoo.make_model(name),
            96,
            callback=PruningCallback(Once(), physical=physical),
        )
        for physical in (True, False)
    )
    assert sp.wire(soft.policy).active_units() == widths(hard)
    zoo.assert_close(zoo.outputs(soft.policy), zoo.outputs(hard.policy), 1e-5)


class Phases(BaseCallback):
    """Record where in the loop a strategy is asked."""

    def __init__(self, strategy: zoo.FirstUnits) -> None:
        super().__init__()
        self.strategy, self.order = strategy, []

    def _on_step(self) -> bool:
        self.order.append("step")
        return True

    def _on_rollout_start(self) -> None:
        self.order.append("start")

    def _on_rollout_end(self) -> None:
        self.order.append("end")


class Recorder(zoo.FirstUnits):
    """Propose nothing; say when it is asked."""

    phases: Phases

    def propose(self, agent: Any) -> sp.Plan:
        self.phases.order.append("propose")
        return sp.Plan()


@pytest.mark.parametrize(("name", "moment"), [("SAC", "end"), ("PPO", "start")])
def test_pruning_happens_between_rollouts(name: str, moment: str) -> None:
    strategy = Recorder()
    strategy.phases = Phases(strategy)
    callbacks = [strategy.phases, PruningCallback(strategy)]
    zoo.train(zoo.make_model(name), 64, callback=callbacks)
    order = strategy.phases.order
    asked = [i for i, event in enumerate(order) if event == "propose"]
    if name == "PPO":  # And once more after the last rollout was learnt from.
        assert asked.pop() == len(order) - 1
    assert asked and all(order[i - 1] == moment for i in asked)
    assert len(asked) == order.count(moment)


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_schedule_that_ends_with_training_is_finished(name: str) -> None:
    model = zoo.make_model(name)
    pruning = PruningCallback("magnitude", {"final_sparsity": 0.5, "end": 1.0})
    zoo.train(model, 96, callback=pruning)
    assert widths(model) == {n: k // 2 for n, k in model.policy.initial_units.items()}


def test_the_strategy_is_attached_again_after_each_change_and_detached_at_the_end() -> (
    None
):
    strategy = zoo.FirstUnits(count=1)
    model = zoo.make_model("PPO")
    zoo.train(model, 96, callback=PruningCallback(strategy))
    assert strategy.calls == ["attach", *["propose", "attach"] * 4, "detach"]
    initial = model.policy.initial_units
    assert widths(model) == {layer: n - 4 for layer, n in initial.items()}
    progress = [agent.progress for agent in strategy.seen]
    assert progress == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0])


def test_logged_values_are_those_of_the_network() -> None:
    model = zoo.make_model("SAC")
    logger = Logger(None, [])
    model.set_logger(logger)
    seen: list[dict[str, Any]] = []
    logger.dump = lambda step=0: seen.append(dict(logger.name_to_value))  # type: ignore[method-assign]
    zoo.train(
        model, STEPS, callback=PruningCallback("magnitude", CONFIG), log_interval=1
    )
    logger.dump()
    found = {k.removeprefix("prune/"): v for k, v in seen[-1].items() if "prune/" in k}
    cost = sp.complexity(model)
    assert found["params_deploy"] == cost.params_deploy
    assert found["params_train"] == cost.params_train
    assert found["units"] == cost.units
    initial = sum(model.policy.initial_units.values())
    assert found["sparsity"] == pytest.approx(1 - cost.units / initial)
    assert {k: found[f"units/{k}"] for k in widths(model)} == widths(model)


def test_a_lagging_target_is_logged(capsys: Any) -> None:
    model = zoo.make_model("DQN", target_update_interval=10_000, verbose=1)
    layer = sp.wire(model.policy)["q_net.q_net.0"]
    layer.readers[0].owner.weight.data[:, :2] = 0.0
    strategy = zoo.FirstUnits()
    zoo.train(model, 8, callback=PruningCallback(strategy), log_interval=1)
    assert "q_net.q_net.0: its target still reads removed" in capsys.readouterr().out


@pytest.mark.parametrize("verbose", [0, 1])
def test_changes_are_printed_if_verbose(verbose: int, capsys: Any) -> None:
    callback = PruningCallback(zoo.FirstUnits(1), verbose=verbose)
    zoo.train(zoo.make_model("PPO"), 32, callback=callback)
    assert ("Plan:" in capsys.readouterr().out) is bool(verbose)


@pytest.mark.slow
def test_a_second_run_goes_on_from_the_first() -> None:
    model = zoo.make_model("SAC")
    callback = PruningCallback("magnitude", CONFIG)
    zoo.train(model, STEPS, callback=callback)
    first = widths(model)
    zoo.train(
        model,
        STEPS,
        callback=PruningCallback("magnitude", {**CONFIG, "final_sparsity": 0.8}),
    )
    assert sum(widths(model).values()) < sum(first.values())


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["magnitude", "xinet"])
def test_calls_of_learn_that_share_a_total_follow_one_schedule(strategy: str) -> None:
    fast = {"theta_rate": 0.05, "price": 10.0, "min_units": 2}
    config = CONFIG if strategy == "magnitude" else fast
    at_once = zoo.make_model("SAC")
    zoo.train(at_once, STEPS, callback=PruningCallback(strategy, config))
    piecewise = zoo.make_model("SAC")
    callback = PruningCallback(strategy, config, total_timesteps=STEPS)
    units = []
    for _ in range(4):
        given: Any = {"callback": callback, "reset_num_timesteps": False}
        zoo.train(piecewise, STEPS // 4, **given)
        units.append(sum(widths(piecewise).values()))
        learning = any("theta" in key for key in piecewise.policy.state_dict())
        # Thetas are rounded at 0.8 of all steps, not at the end of each call.
        assert learning == (strategy == "xinet" and len(units) < 4)
    assert units[0] > units[2] >= units[3]
    if strategy == "magnitude":
        assert widths(piecewise) == widths(at_once)


def test_a_training_in_pieces_is_warned_of_once() -> None:
    model, callback = zoo.make_model("PPO"), PruningCallback("magnitude", CONFIG)
    model.learn(64, callback=callback, reset_num_timesteps=False)
    assert sum(widths(model).values()) < sum(model.policy.initial_units.values())
    said = "goes on from step 64.* is 50% done .* total_timesteps"
    with pytest.warns(UserWarning, match=said):
        model.learn(64, callback=callback, reset_num_timesteps=False)
    model.learn(64, callback=callback, reset_num_timesteps=False)
    model.learn(64, callback=PruningCallback("magnitude", CONFIG))  # Begins anew.
    whole = PruningCallback("magnitude", CONFIG, total_timesteps=256)
    model.learn(64, callback=whole, reset_num_timesteps=False)


@pytest.mark.slow
def test_a_training_that_begins_anew_before_its_end_is_told() -> None:
    callback = PruningCallback("magnitude", CONFIG, total_timesteps=192)
    model = zoo.make_model("PPO")
    model.learn(64, callback=callback)
    with pytest.warns(UserWarning, match="begins at step 0 again, .* 192 steps"):
        model.learn(64, callback=callback)
    model.learn(192, callback=callback, reset_num_timesteps=False)
    assert callback.done
    model.learn(192, callback=callback)  # The training before was whole.


@pytest.mark.parametrize("where", ["propose", "carry_out", "after the cut"])
@pytest.mark.parametrize("total", [192, None])
@pytest.mark.parametrize("events", [{"schedule": "one-shot"}, {"steps": 3}])
def test_what_ctrl_c_broke_off_is_still_due(
    where: str, total: int | None, events: dict[str, Any], monkeypatch: Any
) -> None:
    callback = PruningCallback("magnitude", CONFIG | events, total_timesteps=total)
    model, calls = zoo.make_model("PPO"), [False]
    name = "propose" if where == "propose" else "carry_out"
    own = getattr(pruning, name)

    def breaks_off(*arguments: Any) -> Any:
        first = not calls[-1] and model.num_timesteps >= 0.2 * 192
        calls.append(first or calls[-1])
        found = own(*arguments) if where == "after the cut" or not first else None
        if first:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(pruning, name, breaks_off)
    with pytest.raises(KeyboardInterrupt):
        model.learn(192, callback=callback)
    assert not callback.done and 0 < model.num_timesteps < 192
    left = 192 - model.num_timesteps
    pieces = pytest.warns(UserWarning, match="goes on from step")
    with nullcontext() if total else pieces:
        model.learn(left, callback=callback, reset_num_timesteps=False)
    built = model.policy.initial_units
    assert callback.done
    assert widths(model) == {name: units // 2 for name, units in built.items()}
    changes = {tuple(point["units"].items()) for point in callback.history}
    assert len(changes) in ({2} if "schedule" in events else {3, 4})


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_a_run_is_done_after_the_last_event(name: str) -> None:
    class Watch(BaseCallback):
        """Notes whether pruning is over at each step, and the units."""

        def _on_step(self) -> bool:
            seen.append((pruning.done, sum(widths(self.model).values())))
            return True

    seen: list[tuple[bool, int]] = []
    pruning = PruningCallback("magnitude", CONFIG)
    zoo.train(zoo.make_model(name), STEPS, callback=[pruning, Watch()])
    assert pruning.done and not seen[0][0] and seen[-1][0]
    assert {units for done, units in seen if done} == {seen[-1][1]}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("log_interval", [1, 1000])
@pytest.mark.parametrize("name", ["PPO", "A2C", "SAC"])
@pytest.mark.parametrize("end", [0.8, 1.0])
def test_the_last_cut_reaches_the_log(
    name: str, end: float, log_interval: int, tmp_path: Path
) -> None:
    model = zoo.make_model(name)
    model.set_logger(configure(str(tmp_path), ["csv"]))
    pruning = PruningCallback("magnitude", CONFIG | {"end": end})
    zoo.train(model, 64, callback=pruning, log_interval=log_interval)
    model.logger.close()
    with (tmp_path / "progress.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["prune/units"]) == sum(widths(model).values())
    assert int(last["time/total_timesteps"]) == model.num_timesteps
    assert sum(pruning.history[-1]["units"].values()) == sum(widths(model).values())


@pytest.mark.parametrize("config", [CONFIG, {"final_sparsity": 0.0}])
def test_what_is_logged_already_is_not_logged_again(
    config: dict[str, Any], tmp_path: Path
) -> None:
    model = zoo.make_model("A2C")
    model.set_logger(configure(str(tmp_path), ["csv"]))
    pruning = PruningCallback("magnitude", config)
    zoo.train(model, 64, callback=pruning, log_interval=1)
    model.logger.close()
    with (tmp_path / "progress.csv").open() as file:
        steps = [row["time/total_timesteps"] for row in csv.DictReader(file)]
    assert len(steps) == len(set(steps))  # A2C logs at each rollout, and nobody else.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO"])
@pytest.mark.parametrize("last", [True, False])
def test_rows_of_rollouts_have_the_counts_beside_other_dumps(
    name: str, last: bool
) -> None:
    class Dump(BaseCallback):
        """Dumps the logger, as EvalCallback does."""

        def _on_step(self) -> bool:
            if self.n_calls % 7 == 0:
                self.logger.dump(self.num_timesteps)
            return True

    model, rows = zoo.make_model(name), []
    logger = Logger(None, [])
    model.set_logger(logger)
    empty = logger.dump

    def dump(step: int = 0) -> None:
        rows.append(dict(logger.name_to_value))
        empty(step)

    logger.dump = dump  # type: ignore[method-assign]
    pruning = PruningCallback("magnitude", CONFIG)
    callbacks = [Dump(), pruning] if last else [pruning, Dump()]
    zoo.train(model, 250, callback=callbacks, log_interval=1)
    rollouts = [row for row in rows if "time/fps" in row]
    assert rollouts and all("prune/units" in row for row in rollouts)


def test_a_second_call_of_learn_goes_on_drawing() -> None:
    model = zoo.make_model("SAC")
    callback = PruningCallback("random", CONFIG, total_timesteps=STEPS)
    zoo.train(model, STEPS, callback=callback)
    drawn = callback.state_dict()["rng"]
    fresh = np.random.default_rng(model.seed).bit_generator.state
    assert drawn != fresh
    callback.on_training_start({}, {})
    assert callback.state_dict()["rng"] == drawn
    model.num_timesteps = 0  # Another training begins anew.
    with pytest.warns(UserWarning, match="begins at step 0 again"):
        callback.on_training_start({}, {})
    assert callback.state_dict()["rng"] == fresh


LOOKING: dict[str, Any] = {
    "clusters": {"tau": 0.3},
    "magnitude": {"score": "activation", "compensate": False},
    "reconstruct": {"compensate": False},
}


class Looks(PruningCallback):
    """Notes the observations of each look at activations that was granted."""

    counts: tuple[int, ...] = ()

    def _activations(self) -> Any:
        found = super()._activations()
        self.counts += (len(next(iter(found.values()))),)
        return found


@pytest.mark.parametrize("strategy", LOOKING)
@pytest.mark.parametrize(("name", "options"), [("DQN", {"train_freq": 4}), ("A2C", {})])
def test_a_strategy_that_looks_waits_for_observations(
    name: str, options: dict[str, Any], strategy: str
) -> None:
    """Rollouts of A2C have 8 here, so they have to add up."""
    callback = Looks(strategy, LOOKING[strategy] | {"begin": 0.0, "end": 0.1})
    with pytest.warns(UserWarning, match="Pruning waits for more .* but needs 20") as w:
        zoo.make_model(name, **options).learn(64, callback=callback)
    assert len([1 for each in w if "Pruning waits" in str(each.message)]) == 1
    assert callback.history[1]["timesteps"] >= 20 and callback.done
    assert all(count >= 20 for count in callback.counts)


class Aliases(zoo.FirstUnits):
    """Gives away the state that it goes on with, and needs observations."""

    def __init__(self) -> None:
        super().__init__()
        self.state = {"done": False}

    def propose(self, agent: Any) -> Any:
        if self.state["done"]:
            return {}
        self.state["done"] = True
        agent.activations()
        return super().propose(agent)

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, state: Any) -> None:
        self.state = state


def test_a_strategy_may_give_its_own_state_away() -> None:
    callback, model = PruningCallback(Aliases()), zoo.make_model("A2C")
    with pytest.warns(UserWarning, match="Pruning waits for more"):
        model.learn(64, callback=callback)
    assert widths(model) != model.policy.initial_units


def test_a_training_that_ends_while_pruning_waits_is_warned_of() -> None:
    callback = PruningCallback("clusters")
    model = zoo.make_model("A2C")
    ended = pytest.warns(UserWarning, match="what was due last was not pruned")
    with pytest.warns(UserWarning, match="Pruning waits for more"), ended:
        model.learn(16, callback=callback)
    assert not callback.done and widths(model) == model.policy.initial_units
    assert callback.state_dict()["strategy"] == {"event": 0}


def test_nothing_of_the_callback_is_saved_with_the_model(tmp_path: Path) -> None:
    plain, pruned = zoo.make_model("SAC"), zoo.make_model("SAC")
    zoo.train(plain, 64)
    zoo.train(pruned, 64, callback=PruningCallback("magnitude", CONFIG))
    assert vars(pruned).keys() == vars(plain).keys()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("magnitud",), UnknownNameError, "'magnitud'.*mean 'magnitude'"),
        (("magnitude", {"end": 2.0}), ConfigError, "end.*2.0"),
        (("magnitude", {"begn": 0.1}), ConfigError, "begn"),
        (("magnitude", None, True, 0, 0), ConfigError, "total_timesteps.*0"),
        (("magnitude", {"compensate": True}, False), ConfigError, "physical=True"),
        (("magnitude", None, "False"), ConfigError, "physical must be True or False"),
        (("clusters", None, False), ConfigError, "clusters needs physical=True"),
        (("magnitude", None, 3), ConfigError, "physical must be True or False, got 3"),
        (("magnitude", None, float("nan")), ConfigError, "physical must be .* got nan"),
        (("magnitude", None, True, "x"), ConfigError, "verbose must be a whole number"),
    ],
)
def test_bad_arguments_are_refused_before_training(
    arguments: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        PruningCallback(*arguments)
