"""Exporters: save an agent so that it loads without sb3_prune."""

from sb3_prune.exporters.compaction import compact as compact
from sb3_prune.exporters.verification import plain_actions as plain_actions
