"""OFEXiNet: a features extractor that learns online and whose units can be removed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sb3_prune.exceptions import ConfigError
from sb3_prune.networks.dense import DenseBlock, dense_net
from sb3_prune.networks.dense_prefix import complete, depends_on, prefix
from sb3_prune.networks.feature_cache import FeatureCache
from sb3_prune.networks.ofexi_config import OFEXiConfig
from sb3_prune.networks.transitions import Transitions

# Zips of earlier versions find the configuration here.
__all__ = ["OFEXiConfig", "OFEXiNet", "ofexinet_of"]
LEARNING = "learning"
"""Name of :meth:`OFEXiNet.learning_state` in a state dictionary's ``_metadata``."""
EARLY = "_extra_state"
"""Name of this state among the tensors of zips of version 0.1.0."""


class OFEXiNet(nn.Module):
    r"""Features of observations and actions, learnt by predicting the next observation.

    .. math:: z_o = \phi_o(o), \quad z_{oa} = \phi_{oa}([z_o; a]), \quad
        \hat o' = W z_{oa} + b

    The actor reads the features :math:`z_o` of the observation o. Critics read the
    features :math:`z_{oa}` of o and the action a. Features from which the next
    observation :math:`\hat o'` can be predicted describe the dynamics of the task. Both
    branches are DenseNets (Guenter & Sideris 2025, equations 8 to 11).

    The net learns only inside :meth:`update`. Elsewhere its parameters take no
    gradient, so the agent's losses do not change them, and it stays in evaluation mode:
    :meth:`train` has no effect. Gradients with respect to the *action* still pass
    through :math:`\phi_{oa}`, because the actor learns from them.

    Attributes:
        phi_o: Branch of the observation.
        phi_oa: Branch of observation and action; None if there are no actions.
        f_pred: Linear layer that predicts the next observation.
        optimizer: The extractor's own Adam.
        updates: Number of updates so far.
        pretrained: Whether the pre-training is done, after which the agent learns.
            Strategies do not change the units of the net before.
        memory: Transitions from which the net learns on-policy; empty off-policy.
        plain: Whether :meth:`with_action` always computes the whole branch, instead of
            computing the part that depends on the state only once.
    """

    def __init__(
        self, observation: int, action: int = 0, config: OFEXiConfig | None = None
    ) -> None:
        """Build the net.

        Args:
            observation: Size of the observation, d_o.
            action: Size of the action, d_a; 0 predicts from the observation alone.
            config: Shape and training of the net; None takes the defaults.

        Raises:
            ConfigError: More entries should be predicted than an observation has.
        """
        super().__init__()
        self.config = config = config or OFEXiConfig()
        self.observation, self.action = observation, action
        self.predicted = config.predicted or observation
        if self.predicted > observation:
            raise ConfigError(
                f"Cannot predict {self.predicted} entries: an observation has "
                f"{observation}."
            )
        shape = (config.units, config.blocks, config.norm, config.activation)
        self.phi_o = dense_net(observation, *shape)
        inputs = self.state_width + action
        self.phi_oa = dense_net(inputs, *shape) if action else None
        self.f_pred = nn.Linear(self.width, self.predicted)
        nn.init.xavier_uniform_(self.f_pred.weight)
        nn.init.zeros_(self.f_pred.bias)
        self.updates = 0
        self.pretrained = self.plain = False
        self.memory = Transitions()
        self._cache, self._prefixes = FeatureCache(), FeatureCache()
        self.requires_grad_(False)
        super().train(False)
        self.register_load_state_dict_post_hook(_freeze)  # type: ignore[no-untyped-call]

    def build_optimizer(self) -> None:
        """Make the extractor's Adam; call this after the net is on its device."""
        self.optimizer = torch.optim.Adam(
            self.weights(), lr=self.config.learning_rate, fused=True
        )

    def weights(self) -> list[nn.Parameter]:
        """Return the parameters of the extractor's Adam: all except the thetas."""
        return [p for n, p in self.named_parameters() if not n.endswith(".theta")]

    @property
    def state_width(self) -> int:
        """Width of the features z_o of an observation."""
        return self._last(self.phi_o).width

    @property
    def width(self) -> int:
        """Width of the features that predict the next observation."""
        return self._last(self.phi_oa or self.phi_o).width

    @staticmethod
    def _last(branch: nn.Sequential) -> DenseBlock:
        block = branch[-1]
        assert isinstance(block, DenseBlock)
        return block

    def train(self, mode: bool = True) -> OFEXiNet:
        """Do nothing, because this net must keep its mode when its policy changes."""
        del mode
        return self

    def state(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the features z_o of observations, (batch, state_width)."""
        features: torch.Tensor = self.phi_o(observations)
        return features

    def fixed_state(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the features z_o without gradient; equal calls compute them once."""
        branch = self.phi_o
        weights = (*branch.parameters(), *branch.buffers())
        return self._cache(branch, observations, weights)

    def forget(self) -> None:
        """Forget all cached features, so that the next call computes them again."""
        self._cache.clear()
        self._prefixes.clear()

    def with_action(self, state: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the features z_oa of states and actions, (batch, width).

        Outside of updates, the part that depends on the state alone is computed once
        and used for all actions (:mod:`sb3_prune.networks.dense_prefix`).

        Args:
            state: Features z_o of the observations, (batch, state_width).
            actions: The actions, (batch, action).
        """
        branch = self.phi_oa
        assert branch is not None
        if self.plain or self.f_pred.weight.requires_grad or state.requires_grad:
            features: torch.Tensor = branch(torch.cat([state, actions], dim=1))
            return features
        known = self._prefixes(partial(prefix, branch), state, depends_on(branch))
        return complete(branch, known, actions)

    def features(
        self, observations: torch.Tensor, actions: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the features that predict the next observation, (batch, width)."""
        state = self.state(observations)
        if actions is None or self.phi_oa is None:
            return state
        return self.with_action(state, actions)

    def errors(
        self,
        observations: torch.Tensor,
        actions: torch.Tensor | None,
        next_observations: torch.Tensor,
    ) -> torch.Tensor:
        """Return the squared error of every predicted entry, (batch, predicted)."""
        guess = self.f_pred(self.features(observations, actions))
        target = next_observations[:, : self.predicted]
        return functional.mse_loss(guess, target, reduction="none")

    def update(
        self,
        observations: torch.Tensor,
        actions: torch.Tensor | None,
        next_observations: torch.Tensor,
    ) -> torch.Tensor:
        r"""Take one gradient step on the prediction error of a batch of N transitions.

        .. math:: L = \frac1N \sum_n \| f_{pred}(z_{oa,n}) - o_{n+1} \|^2

        This is equation 33 of Guenter & Sideris 2025 without its regularisers.

        Args:
            observations: Observations, (batch, observation).
            actions: Actions, (batch, action); None without a branch for actions.
            next_observations: Next observations, (batch, observation).

        Returns:
            The mean squared error per predicted entry, a scalar.
        """
        with self.learning():
            errors = self.errors(observations, actions, next_observations)
            self.optimizer.zero_grad()
            errors.sum(dim=1).mean().backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.updates += 1
        return errors.detach().mean()

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Switch to learning in the context.

        In the context, the net normalises by batch statistics, draws its gates, and its
        parameters take gradients.
        """
        try:
            self.requires_grad_(True)
            super().train(True)
            yield
        finally:
            super().train(False)
            self.requires_grad_(False)
            # The cache cannot notice the step of a fused optimiser.
            self.forget()

    @torch.no_grad()
    def feature_gap(
        self, observations: torch.Tensor, actions: torch.Tensor | None
    ) -> float:
        r"""Return the relative difference between two ways to normalise the features.

        .. math:: \frac{\lVert z_{batch} - z_{running} \rVert}
            {\lVert z_{running} \rVert}

        The extractor learns with batch statistics, :math:`z_{batch}`, but the agent
        gets features with running statistics, :math:`z_{running}`. If the gap is large,
        the running statistics lag behind. Without batch normalisation it is 0. The
        batch changes neither weights nor running statistics.

        Args:
            observations: Observations, (batch, observation).
            actions: Actions, (batch, action); None without a branch for actions.
        """
        norms = [m for m in self.modules() if isinstance(m, nn.BatchNorm1d)]
        kept = [{k: b.clone() for k, b in norm.named_buffers()} for norm in norms]
        running = self.features(observations, actions)
        try:
            for norm in norms:
                norm.train()
            batch = self.features(observations, actions)
        finally:
            for norm, buffers in zip(norms, kept, strict=True):
                norm.eval()
                norm.load_state_dict(buffers, strict=False)
        return float((batch - running).norm() / running.norm())

    def learning_state(self) -> dict[str, Any]:
        """Return the state that a resumed run needs besides the weights."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "pretrained": self.pretrained,
        }

    def set_learning_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state that :meth:`learning_state` returned."""
        # Copied, because torch would share Adam's moments with the given state.
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.updates = int(state["updates"])
        self.pretrained = bool(state["pretrained"])

    def _save_to_state_dict(
        self, destination: Any, prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        # Beside the tensors, so that whoever maps over a state dictionary finds nothing
        # else in it. SB3's zips keep this attribute of a state dictionary.
        noted = getattr(destination, "_metadata", {}).get(prefix[:-1], {})
        noted[LEARNING] = self.learning_state()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        early = state_dict.pop(f"{prefix}{EARLY}", None)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        state = local_metadata.get(LEARNING, early)
        if state is not None:  # Else Adam stays, as SB3's optimisers do.
            self.set_learning_state(state)


def _freeze(net: nn.Module, incompatible: object) -> None:
    """Turn off the gradients of loaded thetas, like those of all other parameters."""
    del incompatible  # torch passes the missing keys to hooks on loading.
    net.requires_grad_(False)


def ofexinet_of(policy: nn.Module) -> OFEXiNet | None:
    """Return the OFEXiNet of a policy; None if the policy has none."""
    return next((m for m in policy.children() if isinstance(m, OFEXiNet)), None)
