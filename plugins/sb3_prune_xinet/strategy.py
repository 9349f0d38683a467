"""XiNet: learns, for each unit, the probability that its gate is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from sb3_contrib import TRPO
from torch import nn

from sb3_prune.exceptions import SB3PruneError, UnsupportedPolicyError
from sb3_prune.networks.ofexinet import OFEXiNet, ofexinet_of
from sb3_prune.strategies import AgentView, Strategy, entry_of
from sb3_prune.surgery import Change, HiddenLayer, Plan, Wiring, remove
from sb3_prune.surgery.optimizer import optimizers, stepped
from sb3_prune.warning import warn
from sb3_prune_xinet.anatomy import Anatomy, Network
from sb3_prune_xinet.calibration import Calibration
from sb3_prune_xinet.config import XiNetConfig
from sb3_prune_xinet.coverage import left_dense
from sb3_prune_xinet.decay import add_decay
from sb3_prune_xinet.holding import Holding
from sb3_prune_xinet.learner import ROUND_UP_FROM, Learner, given_up

_ATTACHED: WeakKeyDictionary[nn.Module, ref[XiNet]] = WeakKeyDictionary()
"""Policy -> the strategy that learns its thetas.

An interrupted training does not detach its strategy, so the next strategy unhooks it.
"""


class XiNet(Strategy):
    r"""Learn, for each unit, the probability theta that its gate is open.

    The loss of each network x is :math:`L_x + \frac{\lambda_x}{2} \|M_x\|^2 + \nu_x
    C_x` (equations 33 and 34). :math:`M_x` are its weights, :math:`C_x` its expected
    number of parameters, :math:`\nu_x` the price of one. C is equation 27 for the
    features extractor and equation 31 for a network of the agent. The price pushes
    theta towards 0, unless the loss L needs the unit. Thetas are stepped right after
    the weights of their network. Units whose theta is below the tolerance are removed
    between rollouts. At ``end``, the remaining thetas are rounded to 0 or 1, which
    makes the agent deterministic again.

    The strategy works on any masked policy but TRPO's, with or without an OFEXiNet.
    Layers whose price it does not know, such as convolutions, stay dense, of which a
    warning tells; so do layers without a gate, such as an LSTM. Only the network that
    is being updated samples its gates: while the actor is updated, the gates of
    Q-networks are held at theta. CrossQ's critics read present and next observations in
    one batch, so the same sample is used for values and targets.
    """

    name = "xinet"
    reference = (
        'Guenter & Sideris 2025, "Online training and pruning of deep reinforcement '
        'learning networks", arXiv:2507.11975; the features extractor is that of Ota '
        'et al. 2020, "Can increasing input dimensionality improve deep reinforcement '
        'learning?"'
    )
    Config = XiNetConfig
    config: XiNetConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._progress = 0.0
        self._learners: list[Learner] = []
        self._handles: list[Any] = []
        self._holding = Holding()
        self._calibration = Calibration(self.config.calibration)
        self._policy: ref[nn.Module] | None = None
        self._left: list[str] = []

    def attach(self, agent: AgentView) -> None:
        """Hook into the optimisers of the agent.

        Raises:
            UnknownNameError: ``networks`` names a network that the agent does not have.
            ConfigError: It names one of which no layer can be learnt.
            UnsupportedPolicyError: No layer can be learnt; or the algorithm is TRPO,
                which updates its policy without an optimiser.
        """
        self._unhook()
        if isinstance(agent.model, TRPO):
            raise UnsupportedPolicyError(
                "TRPO updates its policy without an optimiser, so xinet cannot learn "
                "which units the policy needs; use PPO."
            )
        agent.wiring.by_network(self.config.networks)  # Raises on unknown names.
        self._progress = agent.progress
        self._take_over(agent.model.policy)
        anatomy = Anatomy(agent.model.policy)
        extractor = ofexinet_of(agent.model.policy)
        for optimizer in optimizers(agent.model.policy).values():
            networks = _stepped(anatomy, optimizer)
            steps_extractor = extractor is not None and extractor.optimizer is optimizer
            if networks or steps_extractor:
                kind = "lambda_agent" if networks else "lambda_extractor"
                self._handles += add_decay(optimizer, self.config.strength(kind))
                learner = self._learner(anatomy, networks)
                self._hook(optimizer, learner, extractor if steps_extractor else None)
        for network in anatomy.networks.values():
            if network.role.reads_actions:
                body = agent.model.policy.get_submodule(network.name)
                self._holding.watch(body, network.gates())
        self._check_coverage(agent.wiring)

    def _check_coverage(self, wiring: Wiring) -> None:
        """Warn, once, of the layers that stay dense; refuse if no layer is learnt."""
        learnable = {la.name for each in self._learners for la in each.learnable}
        try:
            left = left_dense(wiring, learnable, self.config.networks)
        except SB3PruneError:
            self._unhook()
            raise
        if left and left != self._left:
            warn(
                f"xinet knows no price of the units in {', '.join(left)}: they stay "
                "dense."
            )
        self._left = left

    def _take_over(self, policy: nn.Module) -> None:
        """Become the only strategy that learns the thetas of a policy."""
        other = _ATTACHED.get(policy, lambda: None)()
        if other is not None and other is not self:
            other._unhook()
        _ATTACHED[policy] = ref(self)
        is_new_run = self._progress < self.config.begin
        if is_new_run or (self._policy is not None and self._policy() is not policy):
            self._calibration = Calibration(self.config.calibration)
        self._policy = ref(policy)

    def finish(self) -> None:
        """Round every theta, so that no further rollout comes from another policy."""
        for learner in self._learners:
            learner.round()

    def detach(self) -> None:
        """Remove every hook; once ``end`` has been passed, round every theta."""
        if self._progress >= self.config.end:
            self.finish()
        self._unhook()
        self._progress = 0.0

    def propose(self, agent: AgentView) -> Plan:
        """Return the plan that removes every unit whose theta is below the tolerance.

        Once ``end`` has been passed, the tolerance is 0.5, as thetas are rounded. The
        ``min_units`` units of a layer with the largest thetas stay in any case.
        """
        self._progress = agent.progress
        has_ended = self._progress >= self.config.end
        tolerance = ROUND_UP_FROM if has_ended else self.config.tolerance
        changes = {n: self._removal(la, tolerance) for n, la in agent.wiring.items()}
        return Plan({name: c for name, c in changes.items() if c is not None})

    def _removal(self, layer: HiddenLayer, tolerance: float) -> Change | None:
        gate = layer.gate
        if gate is None or gate.theta is None or layer.units <= self.config.min_units:
            return None
        if float(gate.theta.detach().min()) >= tolerance:
            return None
        gone = given_up(gate, tolerance, self.config.min_units).nonzero().flatten()
        return remove(gone.tolist(), layer.units) if len(gone) else None

    def state_dict(self) -> dict[str, Any]:
        """Return the measured prices. The gates hold the thetas."""
        return {"calibration": self._calibration.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self._calibration.load_state_dict(entry_of(state, "calibration", dict))
        self._policy = None  # Keep the loaded calibration at the next attach.

    def _learner(self, anatomy: Anatomy, networks: list[Network]) -> Learner:
        return Learner(self.config, anatomy, networks, self._calibration)

    def _hook(
        self,
        optimizer: torch.optim.Optimizer,
        learner: Learner,
        extractor: OFEXiNet | None,
    ) -> None:
        """Let a learner step its thetas after each step of an optimiser.

        Args:
            optimizer: The optimiser of the weights.
            learner: The learner of the thetas.
            extractor: The features extractor if the optimiser steps it, else None.
        """

        def after(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            # No theta is stepped while the features extractor is pre-trained.
            if extractor is None or extractor.pretrained:
                learner.after_step(optimizer, self._progress)

        if self.config.begin <= self._progress < self.config.end:
            learner.resume()
        self._learners.append(learner)
        self._handles.append(optimizer.register_step_post_hook(after))

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        for learner in self._learners:
            learner.stop()
        self._handles.clear()
        self._learners.clear()
        self._holding.release()


def _stepped(anatomy: Anatomy, optimizer: torch.optim.Optimizer) -> list[Network]:
    """Return the networks that an optimiser steps, judged by their first weight.

    Whoever steps the weight of a network's first hidden layer steps the network.
    """
    held, networks = stepped(optimizer), anatomy.networks.values()
    return [n for n in networks if n.layers[0].module.weight in held]
