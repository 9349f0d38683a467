"""The abstract strategy: looks at an agent's hidden layers and proposes a plan."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import NoObservationsError, PlanError, UnknownNameError
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.wiring import Wiring


def _no_inputs() -> Inputs:
    raise NoObservationsError("This view of an agent has no observations.")


@dataclass(frozen=True, kw_only=True)
class AgentView:
    """What a strategy gets to see of an agent; it must not change any of it."""

    model: BaseAlgorithm
    """The model itself, not a copy."""
    wiring: Wiring
    """The hidden layers of the model as they are now."""
    initial_units: Mapping[str, int]
    """Layer name -> number of units when the network was built."""
    progress: float
    """Share of training done, in [0, 1]."""
    rng: np.random.Generator
    """The only source of randomness that a strategy may use."""
    activations: Callable[[], Mapping[str, torch.Tensor]]
    """Function that records the activations of every hidden layer on recent
    observations and returns layer name -> (batch, units)."""
    inputs: Callable[[], Inputs] = _no_inputs
    """Function that returns many recent inputs of the agent's networks, as many as
    least-squares fits need if there are so many."""
    physical: bool = True
    """Whether units will be removed; else gates only close, and nothing is fitted."""


@base_of("strategies")
class Strategy(Pluggable):
    """Decides which units to change, and when.

    Plug-ins register strategies through the hook ``register_strategies``.
    """

    @property
    def compensates(self) -> bool | None:
        """Whether the units that stay take over what removed ones did.

        None stands for: where there are enough observations. See
        :mod:`sb3_prune.compensation`.
        """
        return False

    @property
    def mixes(self) -> bool:
        """Whether units may stand for others, or take some over: no gate can do that.

        A ``PruningCallback`` with ``physical=False`` refuses such a strategy.
        """
        return False

    @abstractmethod
    def propose(self, agent: AgentView) -> Plan:
        """Return the plan to carry out now; an empty plan changes nothing.

        This is called between all rollouts, so return fast when nothing is due.

        Raises:
            FewObservationsError: ``agent.activations`` has too few observations. While
                training, the strategy is asked again after the next rollout.
        """

    def propose_masks(self, agent: AgentView) -> Mapping[str, torch.Tensor]:
        """Return the masks of single weights to add now, before :meth:`propose`.

        A mask is True where a weight stays, by the path of its module; see
        :func:`~sb3_prune.surgery.weight_masks.mask_weights`. By default there is none.
        """
        del agent
        return {}

    def is_over(self, progress: float) -> bool:
        """Tell whether nothing is due after this share of training.

        By default, that is from the config's ``end`` on, or at the end of training if
        the config has none.

        Args:
            progress: Share of training done, in [0, 1].
        """
        return progress >= float(getattr(self.config, "end", 1.0))

    def finish(self) -> None:
        """Settle what the strategy itself has put into the agent, such as its gates.

        This is called between rollouts as soon as :meth:`is_over`, and may be called
        again. By default, nothing is done.
        """

    def attach(self, agent: AgentView) -> None:
        """Check the configuration against the agent, and register torch hooks.

        This is called when training starts and again after each change, because a
        change replaces parameters. Hooks on them move along, so remove the own ones
        first: calling it twice must do no harm.
        """

    def detach(self) -> None:
        """Remove every torch hook; called when training ends."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as values that JSON can store."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state that :meth:`state_dict` returned.

        Raises:
            CheckpointError: A value is missing or has a wrong type, as
                :func:`~sb3_prune.plugins.options.entry_of` finds.
        """


def plan_of(strategy: Strategy, agent: AgentView) -> Plan:
    """Return the plan that a strategy proposes now.

    Raises:
        PlanError: It is no plan, or the strategy makes one that is none.
    """
    try:
        found = strategy.propose(agent)
        plan = found if isinstance(found, Plan) else Plan(found)
        _check_layers(plan, agent.wiring)
    except PlanError as error:
        name = getattr(strategy, "name", type(strategy).__name__)
        raise PlanError(f"The strategy '{name}' proposes no plan: {error}") from error
    return plan


def _check_layers(plan: Plan, wiring: Wiring) -> None:
    """Check that the first step of a plan is for layers of an agent.

    Raises:
        PlanError: A layer does not exist, cannot change, or has another width.
    """
    for name, change in (plan.steps[0] if plan.steps else {}).items():
        try:
            units = wiring[name].units
        except UnknownNameError as error:
            raise PlanError(str(error)) from error
        if change.before != units:
            raise PlanError(
                f"it expects {change.before} units in '{name}', which has {units}."
            )
