"""Penalties: prices on weights, whose gradients join those of the loss."""

from sb3_prune.penalties.base import Penalty as Penalty
from sb3_prune.penalties.base import PerUnit as PerUnit
from sb3_prune.penalties.hooks import PenaltyHooks as PenaltyHooks
from sb3_prune.penalties.known import L1 as L1
from sb3_prune.penalties.known import PENALTIES as PENALTIES
from sb3_prune.penalties.known import GroupLasso as GroupLasso
from sb3_prune.penalties.known import ImportancePenalty as ImportancePenalty
