"""Naming: what huggingface_sb3 calls models, environments and files."""

from __future__ import annotations

import re

from sb3_prune.exceptions import ConfigError

CARD, RESULTS, HUB_STATISTICS = "README.md", "results.json", "vec_normalize.pkl"
"""Names of the files of a repository besides the zips."""
ZOO = {"branching-dqn": "dqn", "value-sac": "sac", "recurrent-ppo": "ppo_lstm"}
"""Algorithms whose plain zip has another name in RL Zoo."""


def model_name(algorithm: str, env: str) -> str:
    """Return the name of a model: algorithm and environment, without slashes.

    Args:
        algorithm: Name of the algorithm, as on the command line.
        env: Id of the environment; a module before a colon is left out.

    Raises:
        ConfigError: The id has more than one colon, or what no file name should have.
    """
    *module, name = env.replace("/", "-").split(":")
    if len(module) > 1:
        raise ConfigError(f"The id of an environment has one colon at most: '{env}'.")
    if not re.fullmatch(r"[\w.-]+", name, re.ASCII):
        raise ConfigError(
            "The id of an environment must be of letters, digits and . - _ / to name "
            f"files, got '{env}'."
        )
    return f"{ZOO.get(algorithm, algorithm)}-{name}"
