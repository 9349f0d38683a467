"""Exporting: an agent where there is no sb3_prune, or no Stable-Baselines3."""

from sb3_prune.exporting.asking import Agent as Agent
from sb3_prune.exporting.base import Exporter as Exporter
from sb3_prune.exporting.checks import Check as Check
from sb3_prune.exporting.compaction import compact as compact
from sb3_prune.exporting.exports import export as export
from sb3_prune.exporting.exports import load_export as load_export
from sb3_prune.exporting.program import Decision as Decision
from sb3_prune.exporting.program import Port as Port
from sb3_prune.exporting.verification import plain_actions as plain_actions
