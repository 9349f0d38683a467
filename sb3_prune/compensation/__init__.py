"""Compensation: what removed units did, the units that stay take over."""

from sb3_prune.compensation.choice import Choice as Choice
from sb3_prune.compensation.choice import Ranking as Ranking
from sb3_prune.compensation.choice import rank as rank
from sb3_prune.compensation.compensating import Compensation as Compensation
from sb3_prune.compensation.compensating import compensate as compensate
from sb3_prune.compensation.fitting import Fit as Fit
from sb3_prune.compensation.fitting import fit as fit
from sb3_prune.compensation.movement import Movement as Movement
from sb3_prune.compensation.movement import respond as respond
