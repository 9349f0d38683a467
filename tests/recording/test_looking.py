"""Tests for recording/looking.py."""

from __future__ import annotations

import pytest
import torch
import zoo

from sb3_prune.exceptions import FewObservationsError
from sb3_prune.recording.activations import record_activations
from sb3_prune.recording.inputs import recent_inputs
from sb3_prune.recording.looking import Looked
from sb3_prune.recording.samples import part


def test_it_records_and_remembers_on_how_many_states() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    looked = Looked(model, lambda: recent_inputs(model), "help")
    assert looked.observations == 0
    found, inputs = looked(), recent_inputs(model)
    assert looked.observations == len(inputs.observations) >= 20  # type: ignore[arg-type]
    assert found.keys() == record_activations(model, inputs).keys()


def test_too_few_states_are_refused_with_what_helps() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    few = part(recent_inputs(model), torch.arange(3))
    with pytest.raises(FewObservationsError, match="play more"):
        Looked(model, lambda: few, "play more")()
