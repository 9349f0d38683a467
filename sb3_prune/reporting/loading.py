"""Loading: how to load the agents of a run, and how to export them."""

from __future__ import annotations

import json
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sb3_prune.reporting.reported import ReportedRun
from sb3_prune.reporting.surrounding import env_imports, env_lines, needs_env
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
HINDSIGHT = "stable_baselines3.her.her_replay_buffer"
"""Module of the replay buffer whose zips load only with an environment."""
TARGETS = ("c", "onnx", "numpy")
"""What an agent can be exported to."""


def plain_code(run: ReportedRun, path: str, statistics: str | None = None) -> str:
    """Return Python that loads a plain zip, and makes the environment it needs.

    Args:
        run: Run of one of the algorithms in ``STOCK``.
        path: Expression for the zip, such as ``'plain.zip'`` with its quotes.
        statistics: Expression for the file of ``VecNormalize``; None if there is none.
    """
    package, name = STOCK[run.algorithm]
    return _code(run, f"{package}.{name}", path, statistics)


def pruned_code(run: ReportedRun, path: str, statistics: str | None = None) -> str:
    """Return Python that loads a pruned zip, where sb3_prune is installed.

    The arguments are those of :func:`plain_code`.
    """
    package, name = STOCK[run.algorithm]
    if run.algorithm in OURS:
        package, name = "sb3_prune", OURS[run.algorithm]
    return _code(run, f"{package}.{name}", path, statistics)


def needed(algorithm: str) -> str:
    """Return the packages that load a plain zip, as text."""
    contrib = STOCK[algorithm][0] == "sb3_contrib"
    return "Stable-Baselines3 and sb3-contrib" if contrib else "Stable-Baselines3"


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
        code["Load it with plain Stable-Baselines3"] = plain_code(run, path, statistics)
    if known and (folder / MODEL).is_file():
        path = repr(str(folder / MODEL))
        code["Load it where sb3-prune is installed, to prune on"] = pruned_code(
            run, path, statistics
        )
        code["Export it"] = "\n".join(export_lines(run))
    return code


def absent(run: ReportedRun) -> Iterator[str]:
    """Yield why there is no code to load the agent, if there is none."""
    if run.algorithm not in STOCK:
        yield f"How to load an agent of '{run.algorithm}' is not known here."


def asks_for_env(path: Path) -> bool:
    """Tell whether SB3 loads a zip only with an environment: hindsight replay asks it.

    Nothing is unpickled. What is no zip of SB3 does not ask.
    """
    try:
        data = json.loads(zipfile.ZipFile(path).read("data"))
        replay = data["replay_buffer_class"]["__module__"]
    except (OSError, zipfile.BadZipFile, LookupError, TypeError, ValueError):
        return False
    return bool(replay == HINDSIGHT)


def _code(run: ReportedRun, cls: str, path: str, statistics: str | None) -> str:
    package, _, name = cls.partition(".")
    env, asked = run.config["env"], asks_for_env(run.folder / MODEL)
    wanted = asked or needs_env(env, statistics)
    imports = env_imports(env, statistics) if wanted else []
    made = env_lines(env, statistics) if wanted else []
    loaded = f"model = {name}.load({path}{', env=env' if asked else ''})"
    return "\n".join([f"from {package} import {name}", *imports, "", *made, loaded])
