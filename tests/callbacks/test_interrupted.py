"""Trainings that end early, come in pieces, or are pruned by several at once."""

from __future__ import annotations

import io
from typing import Any

import pytest
import zoo
from stable_baselines3.common.callbacks import BaseCallback, EveryNTimesteps

import sb3_prune as sp
from sb3_prune.callbacks import (
    AfterPruning,
    FeatureCallback,
    PruningCallback,
    ResumableCheckpointCallback,
)
from sb3_prune.exceptions import ConfigError

ONCE = {"final_sparsity": 0.8, "begin": 0.5, "end": 0.5, "compensate": False}
LATE = {"final_sparsity": 0.9, "begin": 0.5, "end": 0.55, "steps": 1}


def units(model: Any) -> int:
    return sum(sp.wire(model.policy).units().values())


class StopAt(BaseCallback):
    """Ends the training, politely or by an error."""

    def __init__(self, steps: int, error: type[BaseException] | None = None) -> None:
        super().__init__()
        self.steps, self.error = steps, error

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.steps and self.error:
            raise self.error
        return self.num_timesteps < self.steps


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_an_agent_for_which_training_was_stopped_stays_as_it_was(name: str) -> None:
    model = zoo.make_model(name)
    pruning = PruningCallback("magnitude", {**LATE, "compensate": False})
    zoo.train(model, 128, callback=[pruning, StopAt(63)])
    assert units(model) == sum(model.policy.initial_units.values())
    assert len(pruning.history) == 1


@pytest.mark.parametrize("name", ["PPO", "A2C"])
def test_the_last_event_is_carried_out_if_nothing_was_stopped(name: str) -> None:
    model = zoo.make_model(name)
    config = {"final_sparsity": 0.5, "begin": 0.5, "end": 1.0, "compensate": False}
    zoo.train(model, 128, callback=PruningCallback("magnitude", config))
    assert units(model) == sum(model.policy.initial_units.values()) // 2


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["magnitude", "reconstruct"])
def test_a_recurrent_agent_may_be_stopped_after_a_cut(strategy: str) -> None:
    config = {"begin": 0.2, "end": 0.9, "steps": 20, "final_sparsity": 0.5}
    model = zoo.make_model("RecurrentPPO")
    given = [PruningCallback(strategy, config), StopAt(180)]
    zoo.train(model, 256, callback=given)
    assert units(model) < sum(model.policy.initial_units.values())


PIECES: dict[str, dict[str, Any]] = {
    "clusters": {"rounds": 1, "begin": 0.5, "end": 0.5, "tau": 0.9},
    "dsp": {**ONCE, "threshold": "cumulative", "schedule": "one-shot"},
    "reconstruct": {"tolerance": 0.3, "begin": 0.5, "end": 0.5},
}


@pytest.mark.parametrize("strategy", PIECES)
def test_calls_that_share_a_total_repeat_no_event(strategy: str) -> None:
    model = zoo.make_model("PPO")
    pruning = PruningCallback(strategy, PIECES[strategy], total_timesteps=128)
    left = []
    for _ in range(4):
        more: Any = {"callback": pruning, "reset_num_timesteps": False}
        zoo.train(model, 32, **more)
        left.append(units(model))
    assert left[-1] < sum(model.policy.initial_units.values())
    changes = [point["units"] for point in pruning.history]
    assert len({tuple(each.values()) for each in changes}) == 2
    assert pruning.done


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_after_an_error_the_next_training_is_pruned(name: str) -> None:
    pruning = PruningCallback("dropout", {"begin": 0.0, "final_sparsity": 0.5})
    with pytest.raises(KeyboardInterrupt):
        given: Any = [pruning, StopAt(70, KeyboardInterrupt)]
        zoo.train(zoo.make_model(name), 128, callback=given)
    model = zoo.make_model(name)
    zoo.train(model, 128, callback=pruning)
    assert units(model) < sum(model.policy.initial_units.values())


def test_after_an_error_a_strategy_prunes_at_once() -> None:
    pruning = PruningCallback("magnitude", {**ONCE, "begin": 0.0, "end": 0.0})
    with pytest.raises(KeyboardInterrupt):
        given: Any = [pruning, StopAt(70, KeyboardInterrupt)]
        zoo.train(zoo.make_model("PPO"), 128, callback=given)
    model = zoo.make_model("PPO")
    sp.prune(model, pruning.strategy)
    assert units(model) < sum(model.policy.initial_units.values())


@pytest.mark.parametrize("names", [("actor", "critic"), ("", ""), ("actor", "")])
def test_two_callbacks_may_prune_one_agent(names: tuple[str, str]) -> None:
    model = zoo.make_model("SAC")
    callbacks = [
        PruningCallback(
            "magnitude",
            {
                "final_sparsity": sparsity,
                "begin": begin,
                "end": 0.8,
                "networks": (name,) if name else (),
            },
        )
        for name, sparsity, begin in zip(names, (0.4, 0.8), (0.3, 0.4), strict=True)
    ]
    zoo.train(model, 160, callback=list(callbacks))
    assert callbacks[1].history[-1]["units"] == sp.wire(model.policy).units()


@pytest.mark.parametrize("order", [("magnitude", "gmp"), ("gmp", "magnitude")])
def test_units_and_weights_may_go_side_by_side(order: tuple[str, str]) -> None:
    model = zoo.make_model("PPO")
    config = {"final_sparsity": 0.5, "begin": 0.2, "end": 0.6}
    zoo.train(model, 256, callback=[PruningCallback(name, config) for name in order])
    assert units(model) < sum(model.policy.initial_units.values())


def test_a_user_may_cut_in_between() -> None:
    class Cut(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_start(self) -> None:
            if self.num_timesteps == 64:
                layer = "mlp_extractor.policy_net.0"
                left = sp.wire(self.model.policy)[layer].units
                sp.apply(self.model, {layer: sp.surgery.remove([0, 1], left)})

    model = zoo.make_model("PPO")
    config = {"final_sparsity": 0.5, "begin": 0.1, "end": 0.9}
    pruning = PruningCallback("magnitude", config)
    zoo.train(model, 256, callback=[pruning, Cut()])
    assert pruning.history[-1]["units"] == sp.wire(model.policy).units()


INSIDE: dict[str, Any] = {
    "PruningCallback": lambda tmp: PruningCallback("magnitude"),
    "FeatureCallback": lambda tmp: FeatureCallback(),
    "ResumableCheckpointCallback": ResumableCheckpointCallback,
}


@pytest.mark.parametrize("name", INSIDE)
def test_callbacks_that_would_do_nothing_are_refused(name: str, tmp_path: Any) -> None:
    policy = sp.OFEXiActorCriticPolicy if name == "FeatureCallback" else None
    kwargs: Any = {"policy": policy} if policy else {}
    inner = INSIDE[name](tmp_path / "checkpoints")
    with pytest.raises(ConfigError, match=f"{name} would do nothing inside of EveryN"):
        zoo.train(zoo.make_model("PPO", **kwargs), callback=EveryNTimesteps(10, inner))


def test_after_pruning_passes_rollouts_on(tmp_path: Any) -> None:
    pruning = PruningCallback("magnitude", ONCE)
    saving = ResumableCheckpointCallback(tmp_path / "checkpoints", every=32)
    zoo.train(
        zoo.make_model("PPO"), 256, callback=[pruning, AfterPruning(pruning, saving)]
    )
    assert sp.checkpoints.latest(tmp_path / "checkpoints") is not None


def test_nothing_is_trained_in_no_steps() -> None:
    model = zoo.make_model("PPO")
    zoo.train(model, 0, callback=PruningCallback("magnitude", {"compensate": False}))


@pytest.mark.parametrize("strategy", ["dropout", "magnitude"])
def test_a_one_shot_schedule_is_over_at_its_begin(strategy: str) -> None:
    class Watch(BaseCallback):
        def _on_step(self) -> bool:
            over.append((self.num_timesteps, pruning.done))
            return True

    over: list[tuple[int, bool]] = []
    config = {"schedule": "one-shot", "begin": 0.25, "end": 1.0}
    pruning = PruningCallback(strategy, config)
    zoo.train(zoo.make_model("SAC"), 160, callback=[pruning, Watch()])
    assert not over[30][1] and over[45][1]


def test_reconstruct_waits_for_enough_to_fit() -> None:
    config = {"begin": 0.0, "initial_sparsity": 0.3}
    model = zoo.make_model("A2C", policy_kwargs={"net_arch": [64, 64]})
    with pytest.warns(UserWarning, match="Pruning waits for more observations"):
        model.learn(400, callback=PruningCallback("reconstruct", config))
    assert units(model) < sum(model.policy.initial_units.values())


@pytest.mark.parametrize("name", ["A2C", "SAC"])
def test_an_event_that_waits_is_not_lost(name: str) -> None:
    config = {"final_sparsity": 0.5, "schedule": "one-shot", "begin": 0.05}
    given: Any = {"n_steps": 5} if name == "A2C" else {}
    model = zoo.make_model(name, policy_kwargs={"net_arch": [32]}, **given)
    pruning = PruningCallback("magnitude", {**config, "compensate": True})
    with pytest.warns(UserWarning, match="Pruning waits for more observations"):
        model.learn(200, callback=pruning)
    assert units(model) == sum(model.policy.initial_units.values()) // 2
    assert pruning.done


def test_after_an_error_the_same_training_repeats_no_event() -> None:
    cuts = []
    for stops in (False, True):
        model = zoo.make_model("A2C", n_steps=20)
        config = {"rounds": 3, "tau": 0.9}
        pruning = PruningCallback("clusters", config, total_timesteps=400)
        if stops:
            with pytest.raises(KeyboardInterrupt):
                model.learn(400, callback=[pruning, StopAt(230, KeyboardInterrupt)])
        left = 400 - model.num_timesteps
        model.learn(left, callback=pruning, reset_num_timesteps=False)
        changes = [tuple(point["units"].values()) for point in pruning.history]
        cuts.append(len(dict.fromkeys(changes)))
    assert cuts[1] <= cuts[0] <= 4


@pytest.mark.slow
def test_two_callbacks_may_prune_a_recurrent_agent() -> None:
    model = zoo.make_model("RecurrentPPO")
    config = {"final_sparsity": 0.5, "begin": 0.2, "end": 0.7}
    both = [PruningCallback(name, config) for name in ("magnitude", "reconstruct")]
    zoo.train(model, 256, callback=both)
    assert units(model) < sum(model.policy.initial_units.values())


def test_a_callback_that_was_used_takes_up_a_saved_state_as_a_new_one_does() -> None:
    """Its last training has left a recurrent agent with other widths."""
    config = {"final_sparsity": 0.5, "begin": 0.5, "end": 0.9, "steps": 2}
    model = zoo.make_model("RecurrentPPO")
    used = PruningCallback("magnitude", config, total_timesteps=256)
    zoo.train(model, 96, callback=used)
    state, saved = used.state_dict(), io.BytesIO()
    model.save(saved)
    zoo.train(model, 160, callback=used, reset_num_timesteps=False)
    ends = []
    for callback in (used, PruningCallback("magnitude", config, total_timesteps=256)):
        saved.seek(0)
        env = zoo.make_env("RecurrentPPO")
        again = type(model).load(saved, env=env, device="cpu")
        callback.load_state_dict(state)
        zoo.train(again, 160, callback=callback, reset_num_timesteps=False)
        ends.append(dict(again.policy.state_dict()))
    assert zoo.equal(*ends)
