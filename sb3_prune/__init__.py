"""Prune Stable-Baselines3 agents while they train."""
