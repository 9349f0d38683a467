r"""Merging: replace every cluster of units by one unit.

The units n of a cluster c are assumed to be proportional: :math:`z_n = \gamma_n
\zeta_c`, where :math:`\zeta_c` is the activation of the merged unit and
:math:`\gamma_n` is proportional to the unit's largest activation :math:`Z_n`. In
Feldotto et al. 2022, gamma sums to one in each cluster. Here its mean is one: the
network computes the same function, and the weights keep the size that the optimiser
has adapted to. If all units of a cluster are silent, every gamma is one. The weight
from cluster D to cluster c follows from inserting this into the layer's equation:

.. math:: \omega_{cD} = \sum_{n \in c} p_n \frac{1}{\gamma_n}
          \sum_{m \in D} w_{nm} \gamma_m

The two aggregations differ in the share :math:`p_n` of each unit:

* ``mean``, the paper's: :math:`p_n = 1 / |c|`.
* ``weighted``, the default: :math:`p_n = \gamma_n / |c|`. It cancels the division by
  :math:`\gamma_n`, so that a unit with small activations cannot blow up the weights of
  its cluster.

Both are exact if the ReLU units of a cluster are proportional. Other activation
functions do not scale with the weights: there, merging is exact only for equal units
and an approximation otherwise. On trained arms, an early prototype found no difference
between the two aggregations beyond noise.

Source: Feldotto et al. 2022, equation (4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import torch

from sb3_prune.strategies import require_one_of
from sb3_prune.surgery import Change, Plan
from sb3_prune_clusters.norms import Matrix
from sb3_prune_clusters.segmentation import Segmentation

Aggregation = Literal["weighted", "mean"]


def merge_plan(
    segments: Mapping[str, Segmentation], aggregation: Aggregation = "weighted"
) -> Plan:
    """Return the plan that merges each cluster into one unit.

    The plan leaves out layers that lose no unit.

    Args:
        segments: The clusters of each layer.
        aggregation: How the units of a cluster share its incoming weights.

    Raises:
        ConfigError: The aggregation does not exist.
    """
    return Plan(
        {
            name: merge_clusters(found, aggregation)
            for name, found in segments.items()
            if len(found.clusters) < len(found.maxima)
        }
    )


def merge_clusters(
    found: Segmentation, aggregation: Aggregation = "weighted"
) -> Change:
    r"""Return the change that merges the clusters of one layer.

    .. math:: P_{cn} = \frac{p_n}{\gamma_n}, \quad C_{mc} = \gamma_m

    P combines the rows of weights into the layer, C the columns of weights out of it.

    Args:
        found: The clusters of the layer.
        aggregation: How the units of a cluster share its incoming weights.

    Raises:
        ConfigError: The aggregation does not exist.
    """
    require_one_of("aggregation", aggregation, get_args(Aggregation))
    width = len(found.maxima)
    rows = torch.zeros(len(found.clusters), width)
    columns = torch.zeros(width, len(found.clusters))
    for c, cluster in enumerate(found.clusters):
        units = list(cluster)
        gamma = torch.as_tensor(scales(found.maxima[units]), dtype=torch.float32)
        shares = 1 / gamma if aggregation == "mean" else torch.ones_like(gamma)
        rows[c, units] = shares / len(units)
        columns[units, c] = gamma
    return Change(rows=rows, columns=columns)


def scales(maxima: Matrix) -> Matrix:
    """Return gamma of the units of one cluster: proportional to Z, with mean one.

    Args:
        maxima: Z of the units, (units,). If all are zero, every gamma is one.
    """
    mean = maxima.mean()
    even: Matrix = np.ones_like(maxima)
    return even if mean == 0 else maxima / mean
