"""The rows of odd networks."""

from __future__ import annotations

from user_networks import odd, sequences
from user_networks.rows import on_bodies

ODD = {
    "hard-view": on_bodies(
        odd.HardView,
        "refused",
        "the width is a number in the code",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "heads": on_bodies(
        odd.Heads,
        "fixed",
        "three units are one, three times four",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "literal-slices": on_bodies(
        odd.LiteralSlices,
        "refused",
        "five is a number in the code; what comes after it may shrink",
        prunable={"first[5:12]": 7, "left": 8, "right": 6},
        fixed={"first[0:5]": 5},
    ),
    "picked-unit": on_bodies(
        odd.PickedUnit,
        "refused",
        "a unit is read by its number; those after it may go",
        prunable={"first[4:12]": 8, "second": 10},
        fixed={"first[0:3]": 3, "first[3:4]": 1},
    ),
    "hard-vector": on_bodies(
        odd.HardVector,
        "fixed",
        "twelve numbers in the code",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "divided-by-width": on_bodies(
        odd.DividedByWidth,
        "refused",
        "the width is a number in the formula",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "reversed": on_bodies(
        odd.Reversed,
        "fixed",
        "units are tied to those from the other end",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "neighbours": on_bodies(
        odd.Neighbours,
        "fixed",
        "units are tied to their neighbours",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "top-units": on_bodies(
        odd.TopUnits,
        "fixed",
        "units compete for five places",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "pairs": on_bodies(
        odd.Pairs,
        "fixed",
        "two neighbours are one unit",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "numpy-detour": on_bodies(
        odd.NumpyDetour,
        "fixed",
        "what numpy does is not seen",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "remembering": on_bodies(
        odd.Remembering,
        "prunable",
        "the buffer that a call leaves has an entry for each unit",
        prunable={"first": 12, "second": 10},
    ),
    "scripted": on_bodies(
        odd.Scripted,
        "fixed",
        "what TorchScript does is not seen",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "straight-through": on_bodies(
        odd.StraightThrough,
        "prunable",
        "an autograd function makes ordinary calls",
        prunable={"first": 12, "second": 10},
    ),
    "einsum": on_bodies(
        odd.Einsum,
        "prunable",
        "a product by its letters",
        prunable={"first": 12, "mixing": 12, "second": 10},
    ),
    "bilinear": on_bodies(
        odd.BilinearMix,
        "fixed",
        "no rule for bilinear",
        prunable={"last": 10},
        fixed={"left": 12, "right": 8},
    ),
    "hypernetwork": on_bodies(
        odd.Hypernetwork,
        "fixed",
        "weights are activations",
        prunable={"maker": 6},
        fixed={"weights": 80, "first": 10},
    ),
    "quantised": on_bodies(
        odd.Quantised,
        "fixed",
        "numbers of units are codes",
        prunable={"table": 6, "last": 10},
        fixed={"first": 12},
    ),
    "gru-step": on_bodies(
        sequences.GruStep,
        "prunable",
        "three gates of a unit go together",
        prunable={"stem": 12, "gru.weight_ih_l0[0:8]": 8},
    ),
    "lstm-cell": on_bodies(
        sequences.CellStep,
        "prunable",
        "four gates of a unit go together",
        prunable={"stem": 12, "cell.weight_ih[0:8]": 8},
    ),
}
