"""Exporters: save an agent so that it loads without sb3_prune."""

from sb3_prune.exporting.compaction import compact as compact
from sb3_prune.exporting.verification import plain_actions as plain_actions
