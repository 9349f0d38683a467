"""Budgets: how much of the experiments of Guenter & Sideris 2025 a run carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Task:
    """An environment and how long to train in it."""

    env: str
    """Id of the environment."""
    steps: int
    """Environment steps; one gradient step follows each."""
    blocks: int
    """Dense blocks of each branch."""
    predicted: int | None = None
    """Entries of the next observation to predict; None predicts all."""
    gamma: float = 0.99
    """Discount."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the environment."""
    phases: tuple[float, float] | None = None
    """Begin and end of learning thetas, as shares of training; None uses the budget's
    values."""
    theta_rate: float | None = None
    """Learning rate of theta; None uses the budget's value."""
    shared: bool = False
    """Whether pruned agents continue OFE-Big's training from where thetas begin to
    learn, instead of training from scratch. The agents then differ by pruning and not
    by chance. One difference to a training from scratch remains: the L2 penalty begins
    there, too, and not at the start."""

    @property
    def label(self) -> str:
        """Short name, as in file names."""
        return self.env.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One of the agents that are compared; its sizes are relative to OFE-Big's."""

    name: str
    """The paper's name of the agent, in lower case."""
    units: float = 1.0
    """Units per block, relative to OFE-Big; 0 means no features extractor."""
    hidden: float = 1.0
    """Units per hidden layer of the agent's networks, relative to OFE-Big."""
    preset: str | None = None
    """Preset of pruning strengths; None does not prune."""
    norm: str = "batch"
    """Normalisation of the features extractor."""
    networks: tuple[str, ...] = ()
    """Names of the networks to prune; empty prunes all."""
    from_scratch: bool = False
    """Whether it is trained from scratch in the sizes that Prune-B has at its end."""
    cut: bool = False
    """Whether it is cut to these sizes at once, when thetas would begin to learn."""
    reopens: bool = False
    """Whether its gates draw as Prune-B's do, and then open again: no unit goes."""

    @property
    def grows_from_big(self) -> bool:
        """Whether the agent equals OFE-Big until its thetas begin to learn."""
        sizes = (self.units, self.hidden, self.norm)
        return sizes == (1.0, 1.0, "batch") and not self.from_scratch


SAC = Variant(name="sac", units=0, hidden=0.5)
SAC_BIG = Variant(name="sac-big", units=0, hidden=2)
OFE = Variant(name="ofe", units=0.25, hidden=0.5)
OFE_BIG = Variant(name="ofe-big")
OFE_BIG_LAYER = Variant(name="ofe-big-layer", norm="layer")
PRUNE_A = Variant(name="prune-a", preset="prune-a")
PRUNE_B = Variant(name="prune-b", preset="prune-b")
PRUNE_B_DEPLOYED = Variant(
    name="prune-b-deployed", preset="prune-b", networks=("ofe.phi_o", "actor")
)
PRUNE_C = Variant(name="prune-c", preset="prune-c")
SMALL_DENSE = Variant(name="small-dense", from_scratch=True)
CUT_B = Variant(name="cut-b", cut=True)
DRAWN_B = Variant(name="drawn-b", preset="prune-b", reopens=True)
VARIANTS = (
    OFE_BIG,
    PRUNE_B,
    PRUNE_B_DEPLOYED,
    OFE,
    SAC,
    OFE_BIG_LAYER,
    PRUNE_C,
    PRUNE_A,
    SAC_BIG,
    SMALL_DENSE,
    CUT_B,
    DRAWN_B,
)
"""All variants; the most important come first, as a run may be interrupted."""
COMPARED = tuple(v.name for v in VARIANTS if not (v.cut or v.reopens or v.from_scratch))
"""Names of the variants of which most budgets train agents."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Sizes of the experiments."""

    name: str
    """Name of the folder in runs/ofexinet."""
    tasks: tuple[Task, ...]
    """The environments."""
    seeds: tuple[int, ...]
    """Seeds; one agent is trained per environment, variant and seed."""
    units: int
    """Units per block of OFE-Big's extractor."""
    hidden: int
    """Units per hidden layer of OFE-Big's other networks."""
    random_steps: int
    """Number of random steps before learning, and of pre-training updates on them."""
    batch_size: int = 256
    """Size of every batch."""
    evaluations: int = 25
    """Evaluations per training, unless they are at regular steps."""
    every: int | None = None
    """Environment steps from one evaluation to the next; None takes ``evaluations``."""
    episodes: int = 5
    """Episodes per evaluation."""
    prices: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors on the paper's nu of extractor, policy and value networks."""
    scored: float = 0.2
    """Share of training at its end in which evaluations count; a smaller one where
    units are removed until later."""
    variants: tuple[str, ...] = COMPARED
    """Names of the variants that are trained."""
    relative: float | None = None
    """Price of the average unit relative to the gradient at its theta; None uses the
    nus as they are."""
    theta_rate: float = 3e-4
    """Learning rate of theta; shorter trainings need a higher one."""
    begin: float = 0.2
    """Share of training after which thetas are learnt."""
    end: float = 0.8
    """Share of training at which thetas are rounded and then fixed."""

    def spacing(self, task: Task) -> int:
        """Return the environment steps from one evaluation to the next."""
        return self.every or max(1, task.steps // self.evaluations)

    def in_task(self, task: Task) -> Budget:
        """Return the budget with the settings that the task overrides."""
        begin, end = task.phases or (self.begin, self.end)
        rate = task.theta_rate or self.theta_rate
        return replace(self, begin=begin, end=end, theta_rate=rate)


OF_OTHERS = ("tasks", "seeds", "scored", "variants")
"""Fields of a budget on which no single training depends."""
LATER = {"every": None, "from_scratch": False, "cut": False, "reopens": False}
"""Fields that came later, and the value that stands for what was done before: with it
they are no settings of a training."""
OF_PRUNING = ("prices", "relative", "theta_rate", "begin", "end")
"""Fields of a budget that matter only for trainings with a preset."""

ARM = Task(
    env="sb3_prune/PlanarArm3-v0",
    steps=40_000,
    blocks=4,
    gamma=0.9,
    kwargs={"action_mode": "continuous"},
)
HOPPER = Task(
    env="Hopper-v5",
    steps=200_000,
    blocks=4,
    phases=(0.7, 0.85),  # OFE-Big's return begins to rise at 80,000 to 100,000 steps.
    theta_rate=1.67e-3,  # Rate times steps of theta is about that of HalfCheetah.
    shared=True,
)
SMOKE = Budget(
    name="smoke",
    tasks=(Task(env="Pendulum-v1", steps=600, blocks=2, shared=True),),
    seeds=(0,),
    units=8,
    hidden=16,
    random_steps=100,
    batch_size=32,
    evaluations=3,
    episodes=1,
    theta_rate=1e-2,
)
SMALL = Budget(
    name="small",
    tasks=(
        Task(env="HalfCheetah-v5", steps=50_000, blocks=4),
        HOPPER,
        ARM,
    ),
    seeds=(1, 2, 3),  # The settings were chosen on seed 0.
    variants=(*COMPARED, "small-dense"),
    units=64,
    hidden=256,
    random_steps=2_500,
    batch_size=128,
    episodes=10,
    prices=(1.0, 2.0, 0.3),
    relative=0.05,
    theta_rate=5e-3,
    begin=0.4,
    end=0.6,
)
HOPPER_LONG = Budget(
    name="hopper",
    tasks=(
        replace(HOPPER, steps=500_000, phases=(0.3, 0.7), theta_rate=5e-4),
    ),  # Theta's rate times its steps is twice that of the small budget.
    seeds=(3, 4, 5),
    variants=("ofe-big", "prune-b"),
    units=64,
    hidden=256,
    random_steps=2_500,
    batch_size=128,
    every=10_000,
    episodes=20,
    prices=(1.0, 2.0, 0.3),
    relative=0.05,
    scored=0.3,
)
DRAWING = Budget(
    name="drawing",
    tasks=(HOPPER,),
    seeds=(1,),
    variants=("ofe-big", "prune-b", "cut-b", "drawn-b", "prune-b-deployed"),
    units=64,
    hidden=256,
    random_steps=2_500,
    batch_size=128,
    every=5_000,
    episodes=20,
    prices=(1.0, 2.0, 0.3),
    relative=0.05,
)
PAPER = Budget(
    name="paper",
    tasks=(
        Task(
            env="HalfCheetah-v5",
            steps=2_000_000,
            blocks=8,
            phases=(0.1, 0.8),  # Thetas are fixed for 200,000 steps, as elsewhere.
        ),
        # Table 4 counts all 111 entries of Ant-v2 as predicted; Ant-v5 has 105.
        Task(env="Ant-v5", steps=1_000_000, blocks=6),
        Task(env="Hopper-v5", steps=1_000_000, blocks=6),
        Task(env="Walker2d-v5", steps=1_000_000, blocks=6),
    ),
    seeds=(0, 1, 2, 3, 4),
    units=128,
    hidden=512,
    random_steps=10_000,
    every=10_000,
    episodes=10,
)
_EVERY = (SMOKE, SMALL, HOPPER_LONG, DRAWING, PAPER)
BUDGETS = {budget.name: budget for budget in _EVERY}
