"""Rules: how each operation is written in C."""

from sb3_prune_export.c.rules import (
    convolutions,
    elementwise,
    indexing,
    normalisation,
    pooling,
    products,
    reductions,
    softmax,
)
from sb3_prune_export.c.rules.table import RULES

__all__ = [
    "RULES",
    "convolutions",
    "elementwise",
    "indexing",
    "normalisation",
    "pooling",
    "products",
    "reductions",
    "softmax",
]
