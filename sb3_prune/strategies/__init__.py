"""Strategies: which units to change, and when."""

from sb3_prune.strategies.base import Agent as Agent
from sb3_prune.strategies.base import Strategy as Strategy
