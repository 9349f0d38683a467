"""The strategy keeps the contract, is due when it says, and prunes what it may."""

from typing import Any

import numpy as np
import pytest
from sb3_prune_clusters.strategy import (
    Clusters,
    ClustersConfig,
    propose_merges,
)
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import DQN
from zoo import ALGORITHMS, make_env, make_model, train

from sb3_prune import PruningCallback, prune
from sb3_prune.exceptions import (
    CheckpointError,
    ConfigError,
    FewObservationsError,
    UnknownNameError,
)
from sb3_prune.pruning import look_at
from sb3_prune.surgery import apply, wire
from sb3_prune.testing.strategies import check_strategy

DRAW = np.random.default_rng(0).random


@pytest.mark.parametrize(
    "options",
    [{}, {"tau": 0.6, "reading": "global", "linkage": "min-mean", "min_units": 1}],
)
def test_keeps_the_contract(options: dict[str, object]) -> None:
    check_strategy(Clusters, options)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_prunes_every_algorithm(name: str) -> None:
    more = {"n_steps": 32} if name == "A2C" else {}
    model = train(make_model(name, **more))
    before = sum(wire(model.policy).units().values())
    prune(model, Clusters(ClustersConfig(tau=0.8, min_units=2)))
    after = wire(model.policy).units().values()
    assert sum(after) < before
    assert min(after) >= 2
    train(model)


def test_rounds_are_evenly_spaced() -> None:
    strategy = Clusters(ClustersConfig(begin=0.2, end=0.8, rounds=3))
    points = [0, 0.19, 0.2, 0.49, 0.5, 0.79, 0.8, 1]
    assert list(map(strategy.events_due, points)) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert Clusters(ClustersConfig(begin=0.5, end=0.5, rounds=1)).events_due(0.5) == 1
    assert Clusters(ClustersConfig(begin=0.5, end=0.9, rounds=1)).events_due(0.6) == 1


def test_merges_while_training() -> None:
    model = DQN("MlpPolicy", "CartPole-v1", learning_starts=50, device="cpu", seed=0)
    callback = PruningCallback(Clusters(ClustersConfig(tau=0.5, rounds=2)))
    model.learn(400, callback=callback)
    first, *rest = [sum(entry["units"].values()) for entry in callback.history]
    times = [entry["timesteps"] for entry in callback.history]
    assert 80 <= times[1] < 100
    assert all(count < first for count in rest)
    assert callback.strategy.state_dict() == {"event": 0}  # it was detached


def test_each_round_is_proposed_once_and_resumes() -> None:
    model = train(make_model("SAC"))
    strategy = Clusters(ClustersConfig(tau=0.5, begin=0.2))
    assert not strategy.propose(look_at(model, 0.1))
    assert strategy.propose(look_at(model, 0.2))
    assert not strategy.propose(look_at(model, 0.3))
    resumed = Clusters(ClustersConfig(tau=0.5, begin=0.2))
    resumed.load_state_dict(strategy.state_dict())
    assert not resumed.propose(look_at(model, 0.3))
    strategy.detach()
    assert strategy.propose(look_at(model, 0.3))


def test_records_episodes_of_its_own_environment() -> None:
    model = DQN("MlpPolicy", make_arm_vec(2, action_mode="joint"), device="cpu", seed=0)
    env = make_arm_vec(4, action_mode="joint")
    strategy = Clusters(ClustersConfig(tau=0.3, episodes=6), env=env)
    # The model itself has seen nothing.
    plans = []
    for _ in range(2):
        strategy.detach()
        plans.append(strategy.propose(look_at(model, 1.0)))
    assert repr(plans[0]) == repr(plans[1])
    assert apply(model, plans[0]).units


def test_an_environment_of_its_own_may_show_too_little() -> None:
    model = DQN("MlpPolicy", make_arm_vec(2, action_mode="joint"), device="cpu", seed=0)
    env = make_arm_vec(1, action_mode="joint", max_episode_steps=5)
    strategy = Clusters(ClustersConfig(tau=0.3, episodes=2), env=env)
    with pytest.raises(FewObservationsError, match=r"on 10 .*raise the option"):
        strategy.propose(look_at(model, 1.0))
    assert strategy.state_dict() == {"event": 0}


def test_only_the_named_networks_are_pruned() -> None:
    model = train(make_model("SAC"))
    prune(model, Clusters(ClustersConfig(tau=0.9, networks=("critic",), min_units=1)))
    units = wire(model.policy).units()
    assert [k for name, k in units.items() if name.startswith("actor")] == [12, 10]
    assert all(k < 12 for name, k in units.items() if name.startswith("critic"))
    with pytest.raises(UnknownNameError, match="Unknown network 'criticism'"):
        prune(model, Clusters(ClustersConfig(networks=("criticism",))))


def test_every_network_has_its_own_global_reference() -> None:
    wiring = wire(train(make_model("SAC")))
    near = {n: 1 + DRAW((9, 4, la.units), dtype=np.float32) for n, la in wiring.items()}
    far = {
        name: units if name.startswith("actor.") else (units > 0.5) * 9.0
        for name, units in near.items()
    }
    config = ClustersConfig(tau=0.95, reading="global", min_units=1)
    one, other = (propose_merges(wiring, said, config) for said in (near, far))
    name = "actor.latent_pi.0"
    assert 1 < one[name].after < wiring[name].units
    assert one[name].rows.equal(other[name].rows)


@pytest.mark.parametrize(("saved", "event"), [({"round": 2}, 2), ({"event": 1}, 1)])
def test_states_of_version_0_1_0_load(saved: dict[str, int], event: int) -> None:
    strategy = Clusters()
    strategy.load_state_dict(saved)
    assert strategy.state_dict() == {"event": event}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"episodes": 0}, "episodes must be at least 1, got 0"),
        ({"begin": 0.9}, "0 <= begin <= end <= 1, got begin = 0.9, end = 0.8"),
        ({"aggregation": "sum"}, "aggregation must be one of mean, weighted"),
        ({"networks": "actor"}, r"such as \['actor'\], got the string 'actor'"),
        ({"tau": -0.1}, "tau must be in"),
    ],
)
def test_options_out_of_range_are_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ClustersConfig(**options)  # type: ignore[arg-type]


def test_episodes_need_an_environment() -> None:
    with pytest.raises(ConfigError, match="episodes=9 needs an environment"):
        Clusters(ClustersConfig(episodes=9))
    Clusters(ClustersConfig(episodes=9), env=make_env("PPO"))


@pytest.mark.parametrize("saved", [{}, None, {"round": "2"}, {"event": None}])
def test_a_damaged_state_is_refused(saved: Any) -> None:
    with pytest.raises(CheckpointError, match="in the saved state"):
        Clusters().load_state_dict(saved)
