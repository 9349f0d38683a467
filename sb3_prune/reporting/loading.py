"""Loading: how to load the agents of a run, and how to export them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from sb3_prune.reporting.reported import ReportedRun
from sb3_prune.runs.folder import MODEL, PLAIN

STOCK = {
    "dqn": ("stable_baselines3", "DQN"),
    "qrdqn": ("sb3_contrib", "QRDQN"),
    "branching-dqn": ("stable_baselines3", "DQN"),
    "sac": ("stable_baselines3", "SAC"),
    "value-sac": ("stable_baselines3", "SAC"),
    "td3": ("stable_baselines3", "TD3"),
    "ddpg": ("stable_baselines3", "DDPG"),
    "tqc": ("sb3_contrib", "TQC"),
    "crossq": ("sb3_contrib", "CrossQ"),
    "ppo": ("stable_baselines3", "PPO"),
    "a2c": ("stable_baselines3", "A2C"),
    "trpo": ("sb3_contrib", "TRPO"),
    "maskable-ppo": ("sb3_contrib", "MaskablePPO"),
    "recurrent-ppo": ("sb3_contrib", "RecurrentPPO"),
}
"""Algorithm -> package and class that load its plain zip."""
OURS = {"branching-dqn": "BranchingDQN", "value-sac": "ValueSAC"}
"""Algorithms whose pruned zip is loaded by a class of ours."""
TARGETS = ("c", "onnx", "numpy")
"""What an agent can be exported to."""


def plain_code(algorithm: str, path: str, statistics: str | None = None) -> str:
    """Return Python that loads a plain zip, and the statistics if there are some.

    Args:
        algorithm: One of those in ``STOCK``.
        path: Expression for the zip, such as ``'plain.zip'`` with its quotes.
        statistics: Expression for the file of ``VecNormalize``; None if there is none.
    """
    package, name = STOCK[algorithm]
    return _code(package, name, path, statistics)


def pruned_code(algorithm: str, path: str, statistics: str | None = None) -> str:
    """Return Python that loads a pruned zip, where sb3_prune is installed.

    The arguments are those of :func:`plain_code`.
    """
    package, name = STOCK[algorithm]
    if algorithm in OURS:
        package, name = "sb3_prune", OURS[algorithm]
    return _code(package, name, path, statistics)


def export_lines(run: ReportedRun) -> list[str]:
    """Return command lines that export the agent, one for each target."""
    statistics = run.statistics
    given = str(run.folder / statistics) if statistics else "none"
    zip_path = str(run.folder / MODEL)
    return [
        shlex.join(
            ["sb3-prune", "export", zip_path, "--to", kind, "--vecnormalize", given]
        )
        for kind in TARGETS
    ]


def shown(run: ReportedRun) -> dict[str, str]:
    """Return code by what it does: load the plain zip, load the pruned one, export."""
    known, folder = run.algorithm in STOCK, run.folder
    statistics = run.statistics and repr(str(folder / run.statistics))
    code = {}
    if known and run.plain_problem is None:
        path = repr(str(folder / PLAIN))
        code["Load it with plain Stable-Baselines3"] = plain_code(
            run.algorithm, path, statistics
        )
    if known and (folder / MODEL).is_file():
        path = repr(str(folder / MODEL))
        code["Load it where sb3-prune is installed, to prune on"] = pruned_code(
            run.algorithm, path, statistics
        )
        code["Export it"] = "\n".join(export_lines(run))
    return code


def absent(run: ReportedRun) -> Iterator[str]:
    """Yield why there is no code to load the agent, if there is none."""
    if run.algorithm not in STOCK:
        yield f"How to load an agent of '{run.algorithm}' is not known here."


def _code(package: str, name: str, path: str, statistics: str | None) -> str:
    lines = [f"from {package} import {name}", "", f"model = {name}.load({path})"]
    if statistics:
        lines.insert(1, "from stable_baselines3.common.vec_env import VecNormalize")
        lines.append(f"env = VecNormalize.load({statistics}, env)  # your VecEnv")
        lines.append("env.training = env.norm_reward = False  # to act, not to learn")
    return "\n".join(lines)
