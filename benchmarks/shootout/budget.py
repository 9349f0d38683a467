"""Budgets: which environments, methods, sparsities and seeds are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

WIDTHS = (128, 128)
"""Hidden layers of the actor and of the critic, as in the source."""


@dataclass(frozen=True)
class Task:
    """An environment, and PPO's hyperparameters of RL Zoo for it."""

    env: str
    """Id of the environment."""
    steps: int
    """Environment steps of a training."""
    envs: int
    """Number of environments side by side."""
    settings: Mapping[str, Any]
    """Arguments of PPO. A pair ("linear", x) falls from x to 0."""
    normalised: bool = False
    """Whether observations and rewards are normalised."""
    policy_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the policy."""


CARTPOLE = Task(
    env="CartPole-v1",
    steps=100_000,
    envs=8,
    settings={
        "n_steps": 32,
        "batch_size": 256,
        "gae_lambda": 0.8,
        "gamma": 0.98,
        "n_epochs": 20,
        "learning_rate": ("linear", 1e-3),
        "clip_range": ("linear", 0.2),
    },
)
LUNAR = Task(
    env="LunarLander-v3",
    steps=1_000_000,
    envs=16,
    settings={
        "n_steps": 1024,
        "batch_size": 64,
        "gae_lambda": 0.98,
        "gamma": 0.999,
        "n_epochs": 4,
        "ent_coef": 0.01,
    },
)
LOCOMOTION = {"log_std_init": -2.0, "ortho_init": False, "activation_fn": "ReLU"}
HOPPER = Task(
    env="Hopper-v5",
    steps=500_000,
    envs=1,
    settings={
        "n_steps": 512,
        "batch_size": 32,
        "gamma": 0.999,
        "learning_rate": 9.80828e-05,
        "ent_coef": 0.00229519,
        "n_epochs": 5,
        "gae_lambda": 0.99,
        "max_grad_norm": 0.7,
        "vf_coef": 0.835671,
    },
    normalised=True,
    policy_kwargs=LOCOMOTION,
)
WALKER = Task(
    env="Walker2d-v5",
    steps=500_000,
    envs=1,
    settings={
        "n_steps": 512,
        "batch_size": 32,
        "gamma": 0.99,
        "learning_rate": 5.05041e-05,
        "ent_coef": 0.000585045,
        "clip_range": 0.1,
        "n_epochs": 20,
        "gae_lambda": 0.95,
        "max_grad_norm": 1.0,
        "vf_coef": 0.871923,
    },
    normalised=True,
    policy_kwargs={"ortho_init": False, "activation_fn": "ReLU"},
)


@dataclass(frozen=True)
class Method:
    """A way to a small actor."""

    name: str
    """Name in tables."""
    strategy: str = ""
    """Strategy of :class:`~sb3_prune.PruningCallback`; empty if nothing is pruned while
    the agent trains."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its options besides ``final_sparsity``, a share of units, or of weights for
    ``l1`` and ``gmp``."""


ACTOR = {"networks": ("mlp_extractor.policy_net",)}
PENALISED = ("ssl", "sgs")
"""Strategies with a strong penalty, which cut plainly unless told otherwise."""
UNITS = {
    "dsp": {},
    "ssl": {},
    "sgs": {},
    "dropout": {},
    "magnitude": ACTOR,
    "random": ACTOR,
}
"""Strategies that remove units, with the options by which they prune the actor."""


def other_cuts(strategy: str, options: Mapping[str, Any]) -> Method:
    """Return a strategy with the cuts that are not its default."""
    compensate = strategy in PENALISED
    name = f"{strategy}, {'compensated' if compensate else 'plain'}"
    return Method(name, strategy, {**options, "compensate": compensate})


DENSE, SMALL, POPS = Method("dense"), Method("small dense"), Method("pops")
METHODS = (
    DENSE,
    SMALL,
    *(Method(name, name, options) for name, options in UNITS.items()),
    *(other_cuts(name, options) for name, options in UNITS.items()),
    Method("l1", "l1"),
    Method("gmp", "gmp", ACTOR),
    POPS,
)
NAMED = {method.name: method for method in METHODS}
FEW = tuple(
    NAMED[name]
    for name in ("dense", "small dense", "dsp", "ssl", "l1", "magnitude", "random")
)
"""Methods of the environments that take long."""


def trial(name: str, **options: Any) -> Method:
    """Return a setting of ``dsp`` that is tried, before one becomes the default."""
    base = {"begin": 0.1, "end": 0.5, "steps": 20, "strength": 1e-4}
    shape = {"distribution": "uniform", "compensate": True}
    return Method(f"trial {name}", "dsp", {**base, **shape, **options})


TRIALS = (
    DENSE,
    SMALL,
    trial("0.1 to 0.5"),
    trial("0.2 to 0.8", begin=0.2, end=0.8),
    trial("0.05 to 0.35", begin=0.05, end=0.35),
    trial("lambda 1e-6", strength=1e-6),
    trial("lambda 1e-3", strength=1e-3),
    trial("lambda 1e-2", strength=1e-2),
    trial("lambda 1e-7", strength=1e-7),
    trial("lambda 1e-7, 0.2 to 0.8", strength=1e-7, begin=0.2, end=0.8),
    trial("plain cuts", compensate=False),
    trial("plain cuts, 0.05 to 0.35", compensate=False, begin=0.05, end=0.35),
    trial("plain cuts, 0.2 to 0.8", compensate=False, begin=0.2, end=0.8),
    trial("40 events", steps=40),
    trial("global", distribution="global"),
    trial("erk", distribution="erk"),
)
"""Settings that differ in one or two options from the first."""


@dataclass(frozen=True)
class Part:
    """Trainings in one environment."""

    task: Task
    """The environment."""
    sparsities: tuple[float, ...]
    """Shares of the actor's units that go."""
    seeds: tuple[int, ...]
    """Seeds of the agents."""
    methods: tuple[Method, ...] = METHODS
    """The methods, in the order of tables."""


@dataclass(frozen=True)
class Budget:
    """All trainings of a comparison."""

    name: str
    """Name on the command line."""
    parts: tuple[Part, ...]
    """The trainings by environment."""
    share: float = 1.0
    """Share of the steps that are taken."""
    episodes: int = 100
    """Greedy episodes of the final agent."""
    evaluations: int = 100
    """Evaluations over a training, of three episodes each; at most one per rollout."""

    def trainings(self) -> Iterator[tuple[Task, Method, float, int]]:
        """Yield all trainings; what is not pruned is trained once for all sparsities.

        A dense net has the sparsity 0.
        """
        for part in self.parts:
            for seed in part.seeds:
                for method in part.methods:
                    dense = method in (DENSE, POPS)
                    for sparsity in (0.0,) if dense else part.sparsities:
                        yield part.task, method, sparsity, seed


FIVE, THREE, TWO = (1, 2, 3, 4, 5), (1, 2, 3), (1, 2)
BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("smoke", (Part(CARTPOLE, (0.93,), (101,)),), 0.05, 5, 4),
        Budget(
            "small",
            (
                Part(CARTPOLE, (0.93, 0.96, 0.98), FIVE),
                Part(LUNAR, (0.93,), THREE),
                Part(HOPPER, (0.93,), TWO, FEW),
                Part(WALKER, (0.93,), TWO, FEW),
            ),
        ),
        Budget(
            "trials",
            (
                Part(CARTPOLE, (0.98,), (101, 102, 103), TRIALS),
                Part(LUNAR, (0.93,), (101, 102), TRIALS),
            ),
        ),
        Budget(
            "paper",
            tuple(
                Part(task, (0.8, 0.85, 0.9, 0.93), FIVE)
                for task in (CARTPOLE, LUNAR, HOPPER, WALKER)
            ),
        ),
    )
}
"""Budgets by name. Settings are chosen on seeds from 101 on."""
