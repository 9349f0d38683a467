"""Zips: what SB3 cannot load of the zip that it writes of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.save_util import recursive_getattr
from torch import nn

from sb3_prune.policies.adoption import MASKED, how_to_mask
from sb3_prune.surgery.built import BUILT
from sb3_prune.surgery.flow.quiet import same_random_state
from sb3_prune.warning import warn


def forgets_widths(model: BaseAlgorithm) -> bool:
    """Tell whether SB3 builds other widths or gates than a model has, and loads none.

    Gates matter for a policy that two models share: only the class of one that was
    adopted builds them.
    """
    cls: Any = model.policy_class
    as_torch = getattr(cls, "load_state_dict", None) is nn.Module.load_state_dict
    masked: Any = MASKED.get(cls)
    shared = type(model.policy) is masked
    if not as_torch or not (shared or BUILT in vars(model.policy)):
        return False
    built = _rebuilt(model)
    return built is not None and _shapes(built) != _shapes(model.policy)


def _shapes(policy: nn.Module) -> dict[str, Any]:
    return {n: getattr(v, "shape", None) for n, v in policy.state_dict().items()}


def _rebuilt(model: BaseAlgorithm) -> nn.Module | None:
    """Return the policy that SB3 builds to load a zip into; None if that fails.

    An algorithm of a user's own may build it in another way.
    """
    kwargs = {"use_sde": True} if model.use_sde else {}
    cls, spaces = model.policy_class, (model.observation_space, model.action_space)
    try:
        with same_random_state():
            return cls(*spaces, model.lr_schedule, **(kwargs | model.policy_kwargs))
    except Exception:  # Policies of users may raise anything.
        return None


def saved_optimizers(model: BaseAlgorithm) -> dict[str, torch.optim.Optimizer]:
    """Return the optimisers whose state SB3 saves, by the names in its zip."""
    names, _ = model._get_torch_save_params()
    found = {name: recursive_getattr(model, name) for name in names}
    return {n: o for n, o in found.items() if isinstance(o, torch.optim.Optimizer)}


def hindrances(model: BaseAlgorithm, error: Exception | None = None) -> list[str]:
    """Return why SB3 cannot load a zip of a model, with the ways out.

    Args:
        model: The model.
        error: What loading a zip of it has raised, if that was tried.

    Returns:
        The reasons, as far as they can be told. An optimiser that a policy class of
        your own may have built is a reason only if the error says so.
    """
    of_optimizers = _hindrance_of_optimizers(model, _tells_of_groups(error))
    return [*hindrance_of_policy(model), *of_optimizers]


def _tells_of_groups(error: BaseException | None) -> bool:
    """Tell whether an error says so, or an earlier one that SB3 was handling."""
    if error is None:
        return False
    return "parameter group" in str(error) or _tells_of_groups(error.__context__)


def hindrance_of_policy(model: BaseAlgorithm) -> Iterator[str]:
    """Yield why a model's policy cannot be loaded, if that is so."""
    if forgets_widths(model):
        known, policy = _is_known(model), model.policy
        yield (
            f"{model.policy_class.__name__} builds the widths of its arguments and no "
            "gates, not what the model has since units changed. "
            f"{'Call sb3_prune.adopt(model).' if known else how_to_mask(policy)}"
        )


def _is_known(model: BaseAlgorithm) -> bool:
    return type(model.policy) in {*MASKED, *MASKED.values()}


def _hindrance_of_optimizers(model: BaseAlgorithm, refused: bool) -> Iterator[str]:
    """Yield why the state of optimisers cannot be loaded, if that is so."""
    found = saved_optimizers(model)
    several = {n: o for n, o in found.items() if len(o.param_groups) > 1}
    meant = several or found if refused else _built_otherwise(model, several)
    if meant:
        yield (
            f"{type(model.policy).__name__} builds an optimiser with other groups of "
            f"parameters than {', '.join(map(_described, meant, meant.values()))}. Let "
            "a policy class of your own build it, or set one with a single group of "
            "all these parameters in its place, which begins without a state."
        )


def _built_otherwise(
    model: BaseAlgorithm, found: dict[str, torch.optim.Optimizer]
) -> dict[str, torch.optim.Optimizer]:
    """Return the optimisers for which a known policy class builds other groups."""
    policy = _rebuilt(model) if found and _is_known(model) else None
    others = {}
    for name, optimizer in found.items():
        built = recursive_getattr(policy, name.removeprefix("policy."), None)
        if built is not None and _sizes(built) != _sizes(optimizer):
            others[name] = optimizer
    return others


def _sizes(optimizer: torch.optim.Optimizer) -> list[int]:
    return [len(group["params"]) for group in optimizer.param_groups]


def other_groups(old: BaseAlgorithm, new: BaseAlgorithm) -> list[str]:
    """Return, a sentence each, which optimisers of a new model have other groups."""
    sizes = [
        {name: len(optimizer.param_groups) for name, optimizer in found.items()}
        for found in (saved_optimizers(old), saved_optimizers(new))
    ]
    return [
        f"{name} has {count} groups of parameters, that of the new agent has "
        f"{sizes[1][name]}: set it by hand as you did for the old one."
        for name, count in sizes[0].items()
        if count != sizes[1].get(name, count)
    ]


def _described(name: str, optimizer: torch.optim.Optimizer) -> str:
    sizes = " and ".join(map(str, _sizes(optimizer)))
    return f"{name} (groups of {sizes} parameters)"


def warn_of_zip(model: BaseAlgorithm, what: str) -> None:
    """Warn if SB3 cannot load a zip of a model.

    Args:
        model: The model.
        what: Name of that which is written.
    """
    for why in hindrances(model):
        warn(f"{what} cannot be loaded. {why}")
