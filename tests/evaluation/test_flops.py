"""FLOPs: laws, equations, and torch's own counter."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import pytest
import stable_baselines3 as sb3
import torch
import zoo
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.envs import FakeImageEnv, SimpleMultiObsEnv
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations
from torch.overrides import BaseTorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from sb3_prune.evaluation.complexity import complexity
from sb3_prune.evaluation.flops import RECURRENT, FlopCounter
from sb3_prune.evaluation.latency import draw

aten = torch.ops.aten
SMALL = {"n_steps": 8, "batch_size": 8, "device": "cpu"}
PRODUCTS = (aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten.convolution)


def count(net: nn.Module, *inputs: Any, shapes: Any = None) -> FlopCounter:
    """Run a network and return what counted it."""
    net.eval()
    counter = FlopCounter(net, shapes or {})
    with torch.no_grad(), BaseTorchFunctionMode(), counter:
        net(*inputs)
    return counter


def outputs(*args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    """Return the entries of what an operation returns, instead of its FLOPs."""
    return prod(out_shape)


@contextmanager
def counted(mapping: Any = None) -> Iterator[FlopCounterMode]:
    """Let torch count, attention product by product."""
    mode = FlopCounterMode(display=False, custom_mapping=mapping)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), BaseTorchFunctionMode(), mode:
        yield mode


def torchs(call: Callable[[], Any]) -> int:
    """Return torch's count, 2 I O for each product, made (2 I - 1) O."""
    with counted() as flops:
        call()
    with counted(dict.fromkeys(PRODUCTS, outputs)) as entries:
        call()
    return flops.get_total_flops() - entries.get_total_flops()


class Run(nn.Module):
    """A network without modules: parameters, and a function of them and the input."""

    def __init__(self, function: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(torch.randn(shape) for shape in shapes)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x, *self.weights)


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(3, 4), (1, 3)),
    "linear without bias on frames": (nn.Linear(3, 4, bias=False), (1, 5, 3)),
    "frames": (nn.Conv1d(3, 4, 3, stride=2, padding=1), (1, 3, 9)),
    "images": (nn.Conv2d(3, 4, (3, 2), stride=(2, 1), bias=False), (1, 3, 9, 7)),
    "same": (nn.Conv2d(3, 4, 3, padding="same"), (1, 3, 9, 7)),
    "volumes": (nn.Conv3d(2, 4, 2, dilation=2), (1, 2, 5, 6, 7)),
    "groups": (nn.Conv2d(6, 4, 3, groups=2), (1, 6, 5, 5)),
    "depthwise": (nn.Conv2d(6, 12, 3, groups=6), (1, 6, 5, 5)),
    "transposed": (nn.ConvTranspose2d(6, 4, 3, stride=2, groups=2), (1, 6, 5, 4)),
    "attention": (nn.MultiheadAttention(8, 2, batch_first=True), (1, 5, 8)),
    "transformer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (1, 5, 8)),
    "GRU cell": (nn.GRUCell(3, 4), (1, 3)),
    "matrix": (Run(lambda x, w: torch.tanh(x @ w), (3, 4)), (1, 3)),
    "tied": (
        Run(lambda x, w: functional.linear(functional.linear(x, w), w.t()), (4, 3)),
        (1, 3),
    ),
    "einsum": (Run(lambda x, w: torch.einsum("bti,io->bto", x, w), (3, 4)), (1, 5, 3)),
    "three": (
        Run(lambda x, v, w: torch.baddbmm(v, x, w), (1, 4), (1, 3, 4)),
        (1, 5, 3),
    ),
    "scores": (Run(lambda x: x @ x.mT), (1, 5, 3)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_torchs_counter_agrees(name: str) -> None:
    net, shape = NETWORKS[name]
    inputs = [torch.randn(shape)] * (3 if name == "attention" else 1)
    assert count(net, *inputs).flops == torchs(lambda: net(*inputs)) > 0


def images() -> Any:
    """Make PPO of a NatureCNN."""
    return sb3.PPO("CnnPolicy", FakeImageEnv(), **SMALL)  # type: ignore[arg-type]


POLICIES: dict[str, Callable[[], Any]] = {
    "PPO on images": images,
    "DQN on images": lambda: sb3.DQN("CnnPolicy", FakeImageEnv(), buffer_size=8),
    "PPO on a dict": lambda: sb3.PPO("MultiInputPolicy", SimpleMultiObsEnv(), **SMALL),
    "SAC with gSDE": lambda: zoo.make_model("SAC", use_sde=True),
    "A2C with gSDE": lambda: zoo.make_model("A2C", env=pendulum(), use_sde=True),
    **{name: lambda name=name: zoo.make_model(name) for name in zoo.ALGORITHMS},
}


def pendulum() -> Any:
    return zoo.make_env("SAC")


@pytest.mark.parametrize("name", POLICIES)
def test_torchs_counter_agrees_on_policies(name: str) -> None:
    model = POLICIES[name]()
    found = complexity(model).flops_deploy
    observation, policy = draw(model.observation_space), model.policy
    if hasattr(policy, "lstm_actor"):
        policy.lstm_actor = Stepwise(policy.lstm_actor)
    expected = torchs(lambda: policy.predict(observation, deterministic=True))
    assert found == expected > 0


class Stepwise(nn.Module):
    """One step of an LSTM as products that torch's counter sees on every machine."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self.input_size = lstm.input_size
        self.cell = nn.LSTMCell(lstm.input_size, lstm.hidden_size)

    def forward(self, x: torch.Tensor, states: Any) -> Any:
        h, c = self.cell(x[0], (states[0][0], states[1][0]))
        return h[None], (h[None], c[None])


def test_the_nature_cnn_by_equation() -> None:
    """Each: kernel and inputs, channels, places."""
    convolutions = [(8 * 8 * 1, 32, 20), (4 * 4 * 32, 64, 9), (3 * 3 * 64, 64, 7)]
    linears = [(64 * 7 * 7, 512), (512, 6)]
    flops = sum((2 * i - 1) * o * side**2 for i, o, side in convolutions)
    flops += sum((2 * i - 1) * o for i, o in linears)
    acting = sum((i + 1) * o for i, o, *_ in [*convolutions, *linears])
    found = complexity(images())
    assert found.flops_deploy == flops == 13_755_258
    assert found.params_deploy == acting == 1_681_062
    assert found.params_train == acting + 512 + 1  # and the value


def test_recurrent_ppo_by_equation() -> None:
    """CartPole's 4 inputs, 256 cells, two layers of 64, 2 actions."""
    model = RecurrentPPO("MlpLstmPolicy", "CartPole-v1", **SMALL)  # type: ignore
    lstm = (2 * 4 - 1) * 4 * 256 + (2 * 256 - 1) * 4 * 256
    mlp = (2 * 256 - 1) * 64 + (2 * 64 - 1) * (64 + 2)
    found = complexity(model)
    assert found.flops_deploy == lstm + mlp == 571_518
    cells, heads = 4 * 256 * (4 + 256 + 2), 257 * 64 + 65 * (64 + 2)
    assert found.params_deploy == cells + heads == 289_026


RNNS = {
    "LSTM": nn.LSTM(3, 4),
    "GRU": nn.GRU(3, 4, num_layers=2),
    "RNN": nn.RNN(3, 4, bidirectional=True),
    "relu": nn.RNN(3, 4, nonlinearity="relu", batch_first=True),
    "projected": nn.LSTM(3, 4, num_layers=2, proj_size=2, bidirectional=True),
}
"""Recurrent networks of three inputs and four units."""


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", RNNS)
def test_every_step_multiplies_every_matrix(name: str) -> None:
    net, steps = RNNS[name], 5
    matrices = [p for n, p in net.named_parameters() if n.startswith("weight")]
    step = sum((2 * w.shape[1] - 1) * w.shape[0] for w in matrices)
    x = torch.randn(1, steps, 3) if net.batch_first else torch.randn(steps, 1, 3)
    found = count(net, x)
    assert found.flops == steps * step
    assert found.read == set(net.parameters())


def test_packed_sequences_count_their_steps() -> None:
    lengths = [4, 2]
    packed = nn.utils.rnn.pack_sequence([torch.randn(n, 3) for n in lengths])
    one = count(RNNS["LSTM"], torch.randn(1, 1, 3)).flops
    assert count(RNNS["LSTM"], packed).flops == sum(lengths) * one


def test_weights_of_fused_layers_stand_where_torch_says() -> None:
    for name, first in RECURRENT.items():
        packet = getattr(aten, name)
        schema = getattr(packet, packet.overloads()[0])._schema
        names = [argument.name for argument in schema.arguments]
        assert names[0] == "input"
        assert names[first] in ("weight", "weight0", "params")


def test_products_with_vectors_count_if_a_parameter_is_in_them() -> None:
    x = torch.randn(1, 5)
    vector = Run(lambda x, v: x @ v, (5,))
    assert count(vector, x).flops == 2 * 5 - 1
    mean = Run(lambda x: x @ torch.full((5,), 0.2))
    assert count(mean, x).flops == 0


def test_a_bilinear_layer_reads_all_pairs() -> None:
    found = count(nn.Bilinear(3, 4, 5), torch.randn(1, 3), torch.randn(1, 4))
    assert found.flops == (2 * 3 * 4 - 1) * 5


def test_a_network_counts_as_often_as_it_runs() -> None:
    net = nn.Linear(3, 3)
    twice = nn.Sequential(net, nn.ReLU(), net)
    found = count(twice, torch.randn(1, 3))
    assert found.flops == 2 * (2 * 3 - 1) * 3
    assert found.read == set(net.parameters())


@pytest.mark.parametrize("net", [nn.Linear(3, 4), nn.Conv1d(3, 4, 2), nn.LSTM(3, 4)])
def test_inference_mode_changes_nothing(net: nn.Module) -> None:
    x, again = torch.randn(1, 3, 3), Run(torch.inference_mode()(net))
    again.net = net
    found, expected = count(again, x), count(net, x)
    assert (found.flops, found.read) == (expected.flops, expected.read)


def test_only_parameters_that_run_are_read() -> None:
    net = Run(lambda x, v, w: functional.linear(x, v.exp()), (2, 3), (2, 3))
    assert count(net, torch.randn(1, 3)).read == {net.weights[0]}


def own_attention(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    query, key, value = (x @ w for w in weights)
    return torch.softmax(query @ key.mT, dim=-1) @ value


def gsde(x: torch.Tensor, w: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    latent = torch.tanh(functional.linear(x, w))
    return torch.mm(latent**2, (torch.ones(len(w), 2) * log_std.exp()) ** 2)


def last_state(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    zeros = torch.zeros(1, 1, weights[1].shape[1])
    return torch.gru(x, zeros, weights, False, 1, 0.0, False, False, True)[1]


def image(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, width, 3),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, groups=width),
        nn.ConvTranspose2d(width, width, 2, groups=width),
        nn.ConvTranspose2d(width, 4, 2),
        nn.MaxPool2d(2),
    )


def flat(width: int) -> nn.Module:
    layers = nn.Conv1d(5, width, 2), nn.Flatten(), nn.Linear(2 * width, 3)
    return nn.Sequential(*layers)


def mlp(width: int) -> nn.Module:
    first = parametrizations.weight_norm(nn.Linear(5, width))
    return nn.Sequential(first, nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, 3))


BY_WIDTH: dict[str, tuple[Callable[[int], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (1, 5)),
    "flat": (flat, (1, 5, 3)),
    "image": (image, (1, 3, 9, 9)),
    "attention": (lambda n: Run(own_attention, (5, n), (5, n), (5, n)), (1, 4, 5)),
    "gSDE": (lambda n: Run(gsde, (n, 5), (n, 1)), (1, 5)),
    "GRU": (lambda n: Run(last_state, (3 * n, 5), (3 * n, n)), (1, 4, 5)),
    "einsum": (
        lambda n: Run(lambda x, w: torch.einsum("bi,io->bo", x, w) @ w.t(), (5, n)),
        (1, 5),
    ),
}
"""Networks by the number of some of their units."""


@pytest.mark.parametrize("left", [1, 4, 7])
@pytest.mark.parametrize("name", BY_WIDTH)
def test_shapes_of_a_smaller_network_cost_what_it_costs(name: str, left: int) -> None:
    build, shape = BY_WIDTH[name]
    wide, narrow, x = build(7), build(left), torch.randn(shape)
    sizes = [list(p.shape) for p in narrow.parameters()]
    shapes = dict(zip(wide.parameters(), copy.deepcopy(sizes), strict=True))
    found = count(wide, x, shapes=shapes).flops
    assert found == count(narrow, x).flops
    assert (found < count(wide, x).flops) is (left < 7)
    assert list(shapes.values()) == sizes
