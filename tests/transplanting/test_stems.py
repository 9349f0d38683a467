"""Tests for transplanting/stems.py."""

from __future__ import annotations

import pytest
import zoo
from torch import nn

from sb3_prune.networks.perceptrons import find_perceptrons
from sb3_prune.transplanting.stems import heads_of, hidden_of, stem_of
from transplanting.made import trained


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_the_stem_holds_hidden_layers_and_no_output_layers(name: str) -> None:
    networks = find_perceptrons(trained(name).policy)
    assert networks
    for network in networks:
        stem = list(stem_of(network).values())
        linears = [module for module in stem if isinstance(module, nn.Linear)]
        assert linears == hidden_of(network)
        assert [layer.out_features for layer in linears] == [12, 10]
        assert heads_of(network) and not set(heads_of(network)) & set(stem)
