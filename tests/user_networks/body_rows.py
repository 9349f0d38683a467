"""The rows of perceptrons and norms."""

from __future__ import annotations

from user_networks import mlps, norms
from user_networks.rows import on_bodies

MLPS = {
    "residual": on_bodies(
        mlps.Residual,
        "prunable",
        "the sum ties its two makers",
        prunable={"stem": 12, "inner": 10},
    ),
    "residual-without-bias": on_bodies(
        mlps.ResidualWithoutBias,
        "prunable",
        "the sum ties its two makers",
        prunable={"stem": 12, "inner": 10},
    ),
    "pre-norm-residual": on_bodies(
        mlps.PreNormResidual,
        "mixes",
        "layer norms see the stream",
        prunable={"inner.0": 10, "inner.1": 8},
        mixes={"stem": 12},
    ),
    "dense-net": on_bodies(
        mlps.DenseNet,
        "prunable",
        "each reader has columns of it at another place",
        prunable={"first": 12, "second": 10, "third": 6},
    ),
    "observation-skip": on_bodies(
        mlps.ObservationSkip,
        "prunable",
        "columns of the units come first, those of the observation stay",
        prunable={"first": 12, "second": 10},
    ),
    "functional": on_bodies(
        mlps.Functional,
        "prunable",
        "bare parameters, of (out, in) and of (in, out)",
        prunable={"enter": 12, "matrix": 10, "leave": 8},
    ),
    "gated-by-chunk": on_bodies(
        mlps.GatedByChunk,
        "prunable",
        "value and gate of a unit go together",
        prunable={"both[0:10]": 10, "last": 8},
    ),
    "gated-by-slices": on_bodies(
        mlps.GatedBySlices,
        "prunable",
        "the slices follow the width, which a trial confirms",
        prunable={"both[0:10]": 10, "last": 8},
    ),
    "experts": on_bodies(
        mlps.Experts,
        "prunable",
        "the sum ties the experts; their number is fixed",
        prunable={"experts.0": 10, "last": 8},
        fixed={"gate": 3},
    ),
    "tied-transpose": on_bodies(
        mlps.TiedTranspose,
        "prunable",
        "the units before the code are those behind it",
        prunable={"enter": 12, "code": 10},
    ),
    "nested": on_bodies(
        mlps.Nested,
        "prunable",
        "a chain, however deep",
        prunable={"net.0.0.0": 12, "net.0.1.1.0": 10, "net.2.1": 8},
    ),
    "film": on_bodies(
        mlps.Film,
        "prunable",
        "product and sum tie three makers",
        prunable={"hidden": 12, "scale": 10},
    ),
}
NORMS = {
    "batch-normed": on_bodies(
        norms.BatchNormed,
        "prunable",
        "statistics belong to their unit",
        prunable={"first": 12, "second": 10},
    ),
    "own-running-norm": on_bodies(
        norms.OwnRunningNormed,
        "prunable",
        "statistics belong to their unit",
        prunable={"first": 12, "second": 10},
    ),
    "layer-normed": on_bodies(
        norms.LayerNormed,
        "mixes",
        "every unit is in the mean",
        prunable={"second": 10},
        mixes={"first": 12},
    ),
    "rms-normed": on_bodies(
        norms.Normed,
        "mixes",
        "every unit is in the mean square",
        prunable={"second": 10},
        mixes={"first": 12},
    ),
    "one-group-normed": on_bodies(
        norms.OneGroupNormed,
        "mixes",
        "every unit is in the mean",
        prunable={"second": 10},
        mixes={"first": 12},
    ),
    "four-groups-normed": on_bodies(
        norms.FourGroupsNormed,
        "fixed",
        "the module remembers four groups of three",
        prunable={"second": 10},
        fixed={"first": 12},
    ),
    "softmax-hidden": on_bodies(
        norms.SoftmaxHidden,
        "mixes",
        "shares add up to one",
        prunable={"second": 10},
        mixes={"first": 12},
    ),
    "unit-length": on_bodies(
        norms.UnitLength,
        "mixes",
        "every unit is in the length, though a silent one adds nothing",
        prunable={"second": 10},
        mixes={"first": 12},
    ),
    "learnt-slopes": on_bodies(
        norms.LearntSlopes,
        "prunable",
        "a slope belongs to its unit",
        prunable={"first": 12, "second": 10},
    ),
    "noisy": on_bodies(
        norms.Noisy,
        "prunable",
        "mean, sigma and noise are tied by their sum",
        prunable={"first": 12, "second": 10},
    ),
    "noisy-in-training": on_bodies(
        norms.NoisyInTraining,
        "prunable",
        "sigma is read in training only, which is traced as well",
        prunable={"first": 12, "second": 10},
    ),
    "weight-normed": on_bodies(
        norms.WeightNormed,
        "fixed",
        "the weight is computed of parameters by an op without a rule",
        prunable={"second": 10},
        fixed={"first.bias": 12},
    ),
    "spectral-normed": on_bodies(
        norms.SpectralNormed,
        "fixed",
        "every row is in the singular value",
        prunable={"third": 8},
        fixed={"first": 12, "second.bias": 10},
    ),
    "standardised": on_bodies(
        norms.Standardised,
        "mixes",
        "the reader's columns are in the mean of its rows",
        prunable={"second": 10},
        mixes={"first": 12},
    ),
}
