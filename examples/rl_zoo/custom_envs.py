"""RL Zoo imports a module of this name if Python finds one: it registers the arms.

So its scripts know them without ``--gym-packages``, which those that record videos do
not have.
"""

import sb3_prune_envs  # noqa: F401
