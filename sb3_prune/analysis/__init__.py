"""Analyses: look inside an agent."""

from sb3_prune.analysis.base import Analysis as Analysis
from sb3_prune.analysis.base import Result as Result
from sb3_prune.analysis.recording import Recording as Recording
from sb3_prune.analysis.recording import record_episodes as record_episodes
