"""Strategies: which units to change, and when."""

from sb3_prune.exceptions import require_at_least as require_at_least
from sb3_prune.exceptions import require_finite as require_finite
from sb3_prune.exceptions import require_one_of as require_one_of
from sb3_prune.plugins.options import entry_of as entry_of
from sb3_prune.strategies.base import AgentView as AgentView
from sb3_prune.strategies.base import Strategy as Strategy
from sb3_prune.strategies.base import plan_of as plan_of
from sb3_prune.strategies.distributions import DISTRIBUTIONS as DISTRIBUTIONS
from sb3_prune.strategies.distributions import Size as Size
from sb3_prune.strategies.distributions import allocate as allocate
from sb3_prune.strategies.gradual import GradualConfig as GradualConfig
from sb3_prune.strategies.gradual import GradualStrategy as GradualStrategy
from sb3_prune.strategies.penalised import WEAK as WEAK
from sb3_prune.strategies.penalised import PenalisedConfig as PenalisedConfig
from sb3_prune.strategies.penalised import PenalisedStrategy as PenalisedStrategy
from sb3_prune.strategies.scheduled import ScheduledConfig as ScheduledConfig
from sb3_prune.strategies.scheduled import ScheduledStrategy as ScheduledStrategy
from sb3_prune.strategies.schedules import SCHEDULES as SCHEDULES
from sb3_prune.strategies.schedules import Cubic as Cubic
from sb3_prune.strategies.schedules import Linear as Linear
from sb3_prune.strategies.schedules import OneShot as OneShot
from sb3_prune.strategies.schedules import Periodic as Periodic
from sb3_prune.strategies.schedules import Schedule as Schedule
from sb3_prune.strategies.scores import SCORES as SCORES
from sb3_prune.strategies.weights import WeightConfig as WeightConfig
from sb3_prune.strategies.weights import WeightStrategy as WeightStrategy
