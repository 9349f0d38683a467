r"""Merging: turn the clusters of every layer into one unit each (Feldotto et al. 2022, eq. (4)).

Inside a cluster c units are taken to say the same, scaled: :math:`z_n = \gamma_n
\zeta_c`, with :math:`\gamma_n` proportional to the largest activation :math:`Z_n`. The
paper lets gamma sum to one; here its mean is one, which computes the same function and
keeps the weights in the range that the optimiser is used to. Silent units share evenly.

.. math:: \omega_{cD} = \sum_{n \in c} p_n \frac{1}{\gamma_n}
          \sum_{m \in D} w_{nm} \gamma_m

The aggregations differ in how much each unit contributes:

* ``mean``, the paper's: :math:`p_n = 1 / |c|`,
* ``weighted``, the default: :math:`p_n = \gamma_n / |c|`, which cancels the division,
  so that a unit that hardly speaks cannot blow up the weights of its cluster.

Both are exact if a cluster's ReLU units are proportional. Behind any other activation
scaling the weights does not scale the unit: merging is an approximation there, exact
only for equal units. On trained arms an
early prototype found them equal within the noise.
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
    """Return the plan that makes one unit of each cluster.

    Layers that lose no unit are left out.

    Args:
        segments: The clusters of each layer.
        aggregation: How the units of a cluster share its incoming weights.

    Raises:
        ConfigError: There is no such aggregation.
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
    r"""Return the change of one layer.

    .. math:: P_{cn} = \frac{p_n}{\gamma_n}, \quad C_{mc} = \gamma_m

    Args:
        found: The clusters of the layer.
        aggregation: How the units of a cluster share its incoming weights.

    Raises:
        ConfigError: There is no such aggregation.
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
    """Return gamma of the units of one cluster: in proportion to Z, with mean one.

    Args:
        maxima: Z of the units, (units,); all zero if they are silent.
    """
    mean = maxima.mean()
    even: Matrix = np.ones_like(maxima)
    return even if mean == 0 else maxima / mean
