"""Arguments: those of its constructor that an agent was built with."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Mapping
from typing import Any

from stable_baselines3.a2c.a2c import A2C
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import NStepReplayBuffer
from torch.optim import RMSprop

from sb3_prune.exceptions import ConfigError

GIVEN = {"policy", "env", "policy_kwargs", "seed", "device", "_init_setup_model"}
"""Arguments that are no settings of an algorithm."""


def parameters_of(algorithm: type[BaseAlgorithm]) -> list[str]:
    """Return the names of an algorithm's settings, as arguments of its constructor.

    Where a class passes others on (``**kwargs``), those of its base are among them.
    """
    found: dict[str, None] = {}
    for cls in algorithm.__mro__:
        parameters = list(
            inspect.signature(
                vars(cls).get("__init__", object.__init__)
            ).parameters.values()
        )[1:]
        named = [
            p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
        found |= dict.fromkeys(p.name for p in named if p.name not in GIVEN)
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return list(found)


def arguments_of(
    model: BaseAlgorithm, but: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return copies of the arguments that an agent was built with.

    They are read from its attributes, so what was changed later counts.

    Args:
        model: The agent.
        but: Names of settings that are not asked for.

    Returns:
        The settings of the algorithm, and the arguments of its policy.

    Raises:
        ConfigError: The agent does not keep a setting as an attribute of its name.
    """
    kwargs = copy.deepcopy(model.policy_kwargs)
    found = _rms_prop(kwargs) if isinstance(model, A2C) else {}
    for name in parameters_of(type(model)):
        for attribute in (name, f"_{name}"):
            if name not in found and attribute in vars(model):
                found[name] = copy.deepcopy(vars(model)[attribute])
    if _makes_n_steps(found):
        found["replay_buffer_class"] = None
    lost = [n for n in parameters_of(type(model)) if n not in found and n not in but]
    if lost:
        raise ConfigError(
            f"{type(model).__name__} does not keep its arguments {', '.join(lost)} as "
            "attributes of these names, so nobody knows them: give them."
        )
    return {name: value for name, value in found.items() if name not in but}, kwargs


def _makes_n_steps(found: Mapping[str, Any]) -> bool:
    """Tell whether SB3 has chosen the replay buffer by ``n_steps``, or would.

    Given the class of that buffer, it would warn that ``n_steps`` is ignored.
    """
    made = {name: found.get(name) for name in ("n_steps", "gamma")}
    kwargs = found.get("replay_buffer_kwargs") or {}
    chosen = found.get("replay_buffer_class") is NStepReplayBuffer
    return chosen and all(kwargs.get(name) == value for name, value in made.items())


def _rms_prop(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Take out of a policy's arguments what A2C has made of its own two."""
    given = kwargs.get("optimizer_kwargs", {})
    made = {"alpha": 0.99, "eps": given.get("eps"), "weight_decay": 0}
    if kwargs.get("optimizer_class") is not RMSprop or given != made:
        return {"use_rms_prop": "optimizer_class" in kwargs, "rms_prop_eps": 1e-5}
    del kwargs["optimizer_class"], kwargs["optimizer_kwargs"]
    return {"use_rms_prop": True, "rms_prop_eps": given["eps"]}
