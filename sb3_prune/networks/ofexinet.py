"""OFEXiNet: a feature extractor that learns online, and whose units can go."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sb3_prune.exceptions import ConfigError
from sb3_prune.networks.dense import Activation, DenseBlock, Norm, dense_net
from sb3_prune.networks.dense_prefix import complete, depends_on, prefix
from sb3_prune.networks.feature_cache import FeatureCache
from sb3_prune.networks.transitions import Transitions
from sb3_prune.plugins.options import fit, hints_of


@dataclass(frozen=True, kw_only=True)
class OFEXiConfig:
    """Shape and training of an OFEXiNet.

    Raises:
        ConfigError: A value has a wrong type or is outside its range.
    """

    blocks: int = 6
    """Dense blocks of each branch, L_o = L_oa: 8 for HalfCheetah, 6 for the others."""
    units: int = 32
    """Units that each block appends."""
    norm: Norm = "layer"
    """Normalisation inside the blocks; the papers' is ``batch``."""
    activation: Activation = "silu"
    """Activation of the units."""
    predicted: int | None = None
    """Predict only the first entries of the next observation, as is right where forces
    of contact come last: 27 for Ant-v5, 270 for Humanoid-v5. None predicts all."""
    learning_rate: float = 3e-4
    """Learning rate of the extractor's own Adam."""

    def __post_init__(self) -> None:
        for name, hint in hints_of(OFEXiConfig).items():
            object.__setattr__(self, name, _fitted(name, getattr(self, name), hint))
        for name in ("blocks", "units", "predicted", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be positive, got {value!r}.")


def _fitted(name: str, value: Any, hint: Any) -> Any:
    try:
        return fit(value, hint)
    except TypeError:
        wanted = inspect.formatannotation(hint)
        raise ConfigError(f"{name} must be {wanted}, got {value!r}.") from None


class OFEXiNet(nn.Module):
    r"""Features of observations and actions, learnt by predicting what comes next.

    .. math:: z_o = \phi_o(o), \quad z_{oa} = \phi_{oa}([z_o; a]), \quad
        \hat o' = W z_{oa} + b

    Both branches are DenseNets (Guenter & Sideris, equations 8 to 11). Outside of
    :meth:`update` the net is a constant to everyone: its parameters take no gradient
    and it stays in evaluation mode, whatever :meth:`train` is told; gradients pass to
    the *action* through :math:`\phi_{oa}`.

    Attributes:
        phi_o: Branch of the observation.
        phi_oa: Branch of observation and action; None if there are no actions.
        f_pred: Linear prediction of the next observation.
        optimizer: The extractor's own Adam.
        updates: Number of updates so far.
        pretrained: Whether it was trained before the agent began to learn. Until then
            strategies let its units alone.
        memory: What it learns from on-policy; empty off-policy.
        plain: Whether features of actions take the path that computes nothing ahead.
    """

    def __init__(
        self, observation: int, action: int = 0, config: OFEXiConfig | None = None
    ) -> None:
        """Build the net.

        Args:
            observation: Size of the observation, d_o.
            action: Size of the action, d_a; 0 predicts from the observation alone.
            config: Shape and training.

        Raises:
            ConfigError: More entries are to be predicted than there are.
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
        """Make the extractor's Adam; call it once the net is on its device."""
        self.optimizer = torch.optim.Adam(
            self.weights(), lr=self.config.learning_rate, fused=True
        )

    def weights(self) -> list[nn.Parameter]:
        """Return what the extractor's Adam steps: every parameter but the thetas."""
        return [p for n, p in self.named_parameters() if not n.endswith(".theta")]

    @property
    def state_width(self) -> int:
        """Width of the features of an observation."""
        return self._last(self.phi_o).width

    @property
    def width(self) -> int:
        """Width of the features that predict what comes next."""
        return self._last(self.phi_oa or self.phi_o).width

    @staticmethod
    def _last(branch: nn.Sequential) -> DenseBlock:
        block = branch[-1]
        assert isinstance(block, DenseBlock)
        return block

    def train(self, mode: bool = True) -> OFEXiNet:
        """Do nothing: policies switch modes for their networks, not for this one."""
        del mode
        return self

    def state(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the features of observations, (batch, state_width)."""
        features: torch.Tensor = self.phi_o(observations)
        return features

    def fixed_state(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the features of observations without gradient, computed once."""
        branch = self.phi_o
        weights = (*branch.parameters(), *branch.buffers())
        return self._cache(branch, observations, weights)

    def forget(self) -> None:
        """Forget the features that were computed, so that all modules run again."""
        self._cache.clear()
        self._prefixes.clear()

    def with_action(self, state: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the features of state features and actions, (batch, width).

        As long as the net is a constant, what the state contributes is computed once.
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
        """Return the features that predict what comes next, (batch, width)."""
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
        """Return the squared errors of the prediction, (batch, predicted)."""
        guess = self.f_pred(self.features(observations, actions))
        target = next_observations[:, : self.predicted]
        return functional.mse_loss(guess, target, reduction="none")

    def update(
        self,
        observations: torch.Tensor,
        actions: torch.Tensor | None,
        next_observations: torch.Tensor,
    ) -> torch.Tensor:
        r"""Take one step on the prediction error (equation 33 without regularisers).

        .. math:: L = \frac1N \sum_n \| f_{pred}(z_{oa,n}) - o_{n+1} \|^2

        Args:
            observations: (batch, observation).
            actions: (batch, action); None if there is no branch of actions.
            next_observations: (batch, observation).

        Returns:
            The mean squared error per entry, a scalar.
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
        """Let the net learn inside: batch statistics, sampled gates, gradients."""
        try:
            self.requires_grad_(True)
            super().train(True)
            yield
        finally:
            super().train(False)
            self.requires_grad_(False)
            # A fused optimiser leaves no mark on the weights that it steps.
            self.forget()

    @torch.no_grad()
    def feature_gap(
        self, observations: torch.Tensor, actions: torch.Tensor | None
    ) -> float:
        """Return how far features by batch statistics are from those by running ones.

        The root mean square of the difference over that of the features; 0 without
        batch normalisation. Nothing is learnt from the batch.
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

    def get_extra_state(self) -> dict[str, Any]:
        """Return what a resumed run needs besides the weights."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "pretrained": self.pretrained,
        }

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        # Copied: torch would share the moments with where the state comes from.
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.updates = int(state["updates"])
        self.pretrained = bool(state["pretrained"])


def _freeze(net: nn.Module, incompatible: object) -> None:
    """Let loaded thetas be constants like every other parameter."""
    del incompatible  # What a hook on loading is told.
    net.requires_grad_(False)


def ofexinet_of(policy: nn.Module) -> OFEXiNet | None:
    """Return the OFEXiNet whose features the networks of a policy read, if any."""
    return next((m for m in policy.children() if isinstance(m, OFEXiNet)), None)
