"""Agents that others trained, in RL Zoo's folders: pruned once, never retrained."""
