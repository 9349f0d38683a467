"""Expected complexity: the mean number of parameters behind open Bernoulli gates.

A *sum* is |theta|, the sum of one layer's thetas. As theta is the probability that a
gate is open, the sum is the expected number of open units; it is exact once every theta
is 0 or 1. All results are scalars and differentiable in every sum, so that they can be
added to a loss. `o` and `oa`, (blocks,), are the sums of the features extractor's
branches phi_o and phi_oa; they are float tensors, and either may be empty.

Source: Guenter & Sideris 2025, by equation number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from torch import Tensor, addcmul, as_tensor, cat

from sb3_prune.exceptions import ConfigError

Scalar = Tensor | float
"""A sum or a width: a number or a 0-d tensor."""
Mlp = tuple[Tensor, int]
"""A network: the sums of its hidden layers, (layers,), and its number of outputs."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Sizes of the features extractor, and the complexity of its parts.

    Raises:
        ConfigError: A size is too small, or `o` and `oa` do not fit it.
    """

    observation: int
    """d_o, the width of the observation."""
    action: int
    """d_a, the width of the action; 0 if there is no action branch."""
    predicted: int
    """Outputs of f_pred: d_o in the paper, fewer without contact forces."""
    per_unit: int = 3
    """Parameters per unit besides its weights: bias, and scale and shift of the
    normalisation; 1 without normalisation."""

    def __post_init__(self) -> None:
        least = {"observation": 1, "action": 0, "predicted": 1, "per_unit": 0}
        for name, size in asdict(self).items():
            if size < least[name]:
                raise ConfigError(f"{name} = {size}: expected at least {least[name]}.")

    def state_width(self, o: Tensor) -> Tensor:
        """Return |z_o| = d_o + sum |theta^o|, equation (25)."""
        return self.observation + _vector("o", o).sum()

    def action_width(self, o: Tensor, oa: Tensor) -> Tensor:
        """Return |z_oa| = |z_o| + d_a + sum |theta^oa|, equation (26)."""
        self._check(o, oa)
        return self.state_width(o) + self.action + oa.sum()

    def state_branch(self, o: Tensor) -> Tensor:
        """Return C_o, the complexity of phi_o, equation (21)."""
        return self._dense(self.observation, _vector("o", o))

    def action_branch(self, o: Tensor, oa: Tensor) -> Tensor:
        """Return C_oa, the complexity of phi_oa, equation (22)."""
        return self._dense(self.action_width(o, oa) - oa.sum(), oa)

    def prediction(self, o: Tensor, oa: Tensor) -> Tensor:
        """Return C_pred, the complexity of f_pred, equation (23).

        f_pred reads z_oa, or z_o if there is no action branch.
        """
        return as_tensor(first_layer(self.action_width(o, oa), self.predicted))

    def _dense(self, inputs: Scalar, units: Tensor) -> Tensor:
        """Return the parameters of dense blocks whose first reads `inputs` features.

        These are the weights W, the diagonal of V, the biases and the normalisation.
        """
        width = inputs + units.cumsum(0) - units
        return (width + (width + self.per_unit) * units).sum()

    def _check(self, o: Tensor, oa: Tensor) -> None:
        _vector("o", o)
        if len(_vector("oa", oa)) and not self.action:
            raise ConfigError(f"oa has {len(oa)} blocks: expected 0, as action = 0.")


def first_layer(inputs: Scalar, units: Scalar) -> Scalar:
    """Return (1 + inputs) * units: a layer's biases and weights, equation (24)."""
    return (1 + inputs) * units


def network(inputs: Scalar, hidden: Tensor, outputs: int) -> Tensor:
    """Return C_x of a network that reads `inputs` features, equation (31).

    Raises:
        ConfigError: `hidden`, the sums of its hidden layers, is not 1-D or not float.
    """
    units = cat((_vector("hidden", hidden), _entry(outputs, hidden)))
    return (1 + cat((_entry(inputs, hidden), units[:-1]))) @ units


def extractor_complexity(
    features: Features,
    o: Tensor,
    oa: Tensor,
    *,
    acting_first: Scalar,
    other_state_first: Scalar = 0.0,
    action_first: Scalar = 0.0,
    rho: float,
) -> Tensor:
    """Return C_OFE, the parameters of and right behind the extractor, equation (27).

    Every feature also costs weights in the first hidden layer of each network that
    reads it. Therefore `acting_first`, `other_state_first` and `action_first` are the
    sums |theta_1| of these layers, added up over the networks: those that act, others
    that read z_o (V), and those that read z_oa (Q1, Q2). Equation (28), as printed,
    omits the last ones. `rho` weighs the parameters that only training needs: 0 counts
    deployment only, 1 counts training as much.

    Raises:
        ConfigError: `rho` is not in [0, 1], or the sums do not fit (see `Features`).
    """
    if not 0 <= rho <= 1:
        raise ConfigError(f"rho = {rho}: expected a number from 0 to 1.")
    features._check(o, oa)
    # Each dense block reads the features of all blocks before it, so one cumulative sum
    # has every input width. Term by term, by (21)-(26), a step of theta takes twice as
    # long.
    new, per, L_o, L_oa = o.new_tensor, features.per_unit, len(o), len(oa)
    acts, z_o = _entry(acting_first, o), _entry(other_state_first, o)
    z_oa = _entry(action_first + features.predicted, o)
    widths = (new([features.observation]), o, new([0, features.action]), oa)
    inputs, units = cat(widths).cumsum(0), cat((o, acts, z_o, oa, z_oa))
    weight = new([1.0] * (L_o + 1) + [rho] * (L_oa + 2))
    biases = new([per] * L_o + [1.0, rho] + [per * rho] * L_oa + [rho])
    diagonals = new([1.0] * L_o + [0.0] * 2 + [rho] * L_oa + [0.0])
    return addcmul(biases, inputs, weight) @ units + inputs @ diagonals


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Expected parameters of an agent without target networks (the paper's Table 4)."""

    deploy: Tensor
    """d = C_o + C_pi."""
    train: Tensor
    """t = d + C_oa + C_V + C_Q1 + C_Q2, plus C_pred if the prediction counts."""

    def percent_of(self, ofe: Cost) -> tuple[float, float]:
        """Return dR = 100 d / d_OFE and tR = 100 t / t_OFE (the paper's Table 3).

        Args:
            ofe: Cost of the agent OFE, the paper's reference.
        """
        d, t = 100 * self.deploy / ofe.deploy, 100 * self.train / ofe.train
        return d.item(), t.item()


def deploy_and_train(
    features: Features,
    o: Tensor,
    oa: Tensor,
    *,
    acting: Iterable[Mlp],
    state: Iterable[Mlp] = (),
    action: Iterable[Mlp] = (),
    prediction: bool = False,
) -> Cost:
    """Return the cost of an agent.

    Args:
        features: Sizes of the features extractor.
        o: Sums of phi_o.
        oa: Sums of phi_oa.
        acting: Networks that act.
        state: Other networks that read z_o (V).
        action: Networks that read z_oa (Q1, Q2).
        prediction: Count f_pred, as the paper's Table 4 does for OFE-Big except on
            HalfCheetah.

    Raises:
        ConfigError: The sums do not fit (see `Features` and `network`).
    """
    z_o, z_oa = features.state_width(o), features.action_width(o, oa)
    deploy = features.state_branch(o) + sum(network(z_o, *x) for x in acting)
    learn = [network(z_o, *x) for x in state] + [network(z_oa, *x) for x in action]
    learn.append(features.action_branch(o, oa))
    if prediction:
        learn.append(features.prediction(o, oa))
    return Cost(deploy=deploy, train=deploy + sum(learn))


def _entry(value: Scalar, like: Tensor) -> Tensor:
    return as_tensor(value, dtype=like.dtype, device=like.device).reshape(1)


def _vector(name: str, sums: Tensor) -> Tensor:
    if sums.dim() != 1 or not sums.is_floating_point():
        found = f"{sums.dtype} of shape {tuple(sums.shape)}"
        raise ConfigError(f"{name} is {found}: expected floats, (layers,).")
    return sums
