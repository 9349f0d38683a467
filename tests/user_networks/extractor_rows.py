"""The rows of features extractors: histories, images and dicts."""

from __future__ import annotations

from stable_baselines3.common.policies import (
    ActorCriticPolicy,
    MultiInputActorCriticPolicy,
)

from user_networks import cnns, sequences, worlds
from user_networks.rows import inside, on_extractor

SEQUENCES = {
    "gru-frames": on_extractor(
        sequences.GruFrames,
        worlds.History,
        "prunable",
        "three gates of a unit go together, in every layer",
        policy=ActorCriticPolicy,
        prunable={"embed": 12, "gru.weight_ih_l0[0:8]": 8, "last": 10},
    ),
    "conv-frames": on_extractor(
        sequences.ConvFrames,
        worlds.History,
        "prunable",
        "a channel is three columns of the next Linear",
        policy=ActorCriticPolicy,
        prunable={"net.0": 6, "net.2": 5, "net.6": 10},
    ),
    "frame-set": on_extractor(
        sequences.FrameSet,
        worlds.History,
        "prunable",
        "mean and maximum of a unit go together",
        policy=ActorCriticPolicy,
        prunable={"first": 12, "second": 6, "last": 10},
    ),
    "attention": on_extractor(
        sequences.Attention,
        worlds.History,
        "fixed",
        "the module remembers its width and its heads",
        policy=ActorCriticPolicy,
        prunable={"inner": 12, "last": 10},
        fixed={"embed": 8},
    ),
    "own-attention": on_extractor(
        sequences.OwnAttention,
        worlds.History,
        "fixed",
        "queries and keys meet each other; values are prunable",
        policy=ActorCriticPolicy,
        prunable={"value": 12, "last": 10},
        fixed={"query": 8},
    ),
}
CNNS = {
    "plain-cnn": on_extractor(
        cnns.PlainCnn,
        worlds.images,
        "prunable",
        "a channel is a block of columns",
        prunable={"cnn.0": 6, "cnn.3": 5, "linear": 10},
    ),
    "squeeze-excite": on_extractor(
        cnns.SqueezeExcite,
        worlds.images,
        "prunable",
        "the product ties a channel and its share",
        prunable={"first": 6, "down": 4, "second": 5, "last": 10},
    ),
    "impala": on_extractor(
        cnns.Impala,
        worlds.images,
        "prunable",
        "the sums tie their makers",
        prunable={
            "body.0": 6,
            "body.2.first": 4,
            "body.3": 5,
            "body.5.first": 4,
            "last": 10,
        },
    ),
    "separable": on_extractor(
        cnns.Separable,
        worlds.images,
        "fixed",
        "the depthwise convolution remembers its groups",
        prunable={"pointwise": 5},
        fixed={"first": 6},
    ),
    "channels-last": on_extractor(
        cnns.ChannelsLast,
        worlds.images,
        "prunable",
        "a channel is every fourth, or fifth, column",
        prunable={"first": 6, "middle": 4, "second": 5, "last": 10},
    ),
    "group-normed-cnn": on_extractor(
        cnns.GroupNormedCnn,
        worlds.images,
        "mixes",
        "one group mixes, two are remembered",
        prunable={"last": 10},
        mixes={"cnn.0": 5},
        fixed={"cnn.3": 6},
    ),
    "space-to-depth": on_extractor(
        cnns.SpaceToDepth,
        worlds.images,
        "fixed",
        "four channels are one, two by two",
        prunable={"second": 5, "last": 10},
        fixed={"first": 4},
    ),
    "branches": on_extractor(
        cnns.Branches,
        worlds.Dashboard,
        "prunable",
        "a branch's columns start where the last one's end",
        policy=MultiInputActorCriticPolicy,
        prunable=inside("extractors", {"vec.0": 8, "img.0": 4, "img.3": 6}),
    ),
}
