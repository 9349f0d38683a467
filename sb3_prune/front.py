"""The front door: what ``sb3_prune`` offers by name; imported when a name is used."""

# ruff: noqa: F403, PLC0414  # Type checkers ask for these aliases.

from sb3_prune.algorithms import *
from sb3_prune.analysis import Analysis as Analysis
from sb3_prune.callbacks import AfterPruning as AfterPruning
from sb3_prune.callbacks import FeatureCallback as FeatureCallback
from sb3_prune.callbacks import PruningCallback as PruningCallback
from sb3_prune.callbacks import (
    ResumableCheckpointCallback as ResumableCheckpointCallback,
)
from sb3_prune.callbacks import ValidationCallback as ValidationCallback
from sb3_prune.evaluation import evaluate as evaluate
from sb3_prune.evaluation.complexity import complexity as complexity
from sb3_prune.exceptions import SB3PruneError as SB3PruneError
from sb3_prune.exporting import Exporter as Exporter
from sb3_prune.exporting import compact as compact
from sb3_prune.exporting import export as export
from sb3_prune.exporting import load_export as load_export
from sb3_prune.plugins import hookimpl as hookimpl
from sb3_prune.policies import *
from sb3_prune.policies import adopt as adopt
from sb3_prune.policies import apply as apply
from sb3_prune.pruning import prune as prune
from sb3_prune.reporting import write_card as write_card
from sb3_prune.reporting import write_report as write_report
from sb3_prune.runs import checkpoints as checkpoints
from sb3_prune.scratch import from_scratch as from_scratch
from sb3_prune.strategies import Strategy as Strategy
from sb3_prune.surgery import Change as Change
from sb3_prune.surgery import Plan as Plan
from sb3_prune.surgery import add as add
from sb3_prune.surgery import keep as keep
from sb3_prune.surgery import mask as mask
from sb3_prune.surgery import merge as merge
from sb3_prune.surgery import remove as remove
from sb3_prune.surgery import reset as reset
from sb3_prune.surgery import wire as wire
from sb3_prune.transplanting import transplant as transplant
