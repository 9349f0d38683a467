"""Tests for surgery/flow/compiled.py."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import zoo
from extracted import A, B, extracted
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import trial
from sb3_prune.surgery.flow.compiled import as_written, rebind
from sb3_prune.surgery.flow.quiet import quiet
from surgery.flow.tiny import Net, TinyPolicy

# Torch's compiler looks at gradients of what is no leaf.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")

GRAPHS: list[Any] = []
"""What was compiled."""


def backend(graph: Any, inputs: Any) -> Any:
    GRAPHS.append(graph)
    return graph.forward


def compiled(code: Any, **kwargs: Any) -> Any:
    return torch.compile(code, backend=backend, **kwargs)


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Forget what was compiled."""
    GRAPHS.clear()
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def tiny() -> TinyPolicy:
    return TinyPolicy(Net(lambda n, x: n.a(x), a=nn.Linear(5, 4)))


def test_compiled_code_runs_as_written_inside_and_compiled_afterwards() -> None:
    policy, x = tiny(), torch.zeros(2, 5)
    policy.net.compile(backend=backend)
    with as_written():
        policy._predict(x)
    assert not GRAPHS
    with quiet(policy):
        policy._predict(x)
    assert not GRAPHS
    policy._predict(x)
    assert len(GRAPHS) == 1


def compiles() -> bool:
    """Tell whether torch compiles what is new."""
    GRAPHS.clear()
    compiled(lambda x: x + 1)(torch.zeros(1))
    return bool(GRAPHS)


@pytest.mark.parametrize("workers", [1, 2])
def test_blocks_that_overlap_leave_the_compiler_as_it_was(workers: int) -> None:
    """The first who enters also leaves first, as threads may."""
    blocks = [as_written(), as_written()]
    pools = [ThreadPoolExecutor(1) for _ in range(workers)] * (2 // workers)
    for pool, block in zip(pools, blocks, strict=True):
        pool.submit(block.__enter__).result()
    assert not compiles()
    pools[0].submit(blocks[0].__exit__, None, None, None).result()
    assert not compiles()
    pools[1].submit(blocks[1].__exit__, None, None, None).result()
    assert compiles()


def test_a_stance_of_the_users_comes_back() -> None:
    with torch.compiler.set_stance("fail_on_recompile"):
        for _ in range(2):
            with as_written(), as_written():
                assert not compiles()
            with pytest.raises(RuntimeError, match="fail_on_recompile"):
                compiles()
    assert compiles()


def test_many_threads_leave_the_compiler_as_it_was() -> None:
    def enter(_: int) -> None:
        with quiet(tiny()):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, range(100)))
    assert compiles()


def test_torch_loads_no_compiler_for_what_is_not_compiled() -> None:
    code = (
        "import sys\nfrom sb3_prune.surgery.flow.compiled import as_written\n"
        "with as_written():\n    assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_copy_runs_its_own_methods() -> None:
    policy = tiny()
    policy.net.forward = compiled(policy.net.forward)
    policy.net.a.again = compiled(policy.net.forward)
    twin: Any = trial.copied(policy)
    with torch.no_grad():
        twin.net.a.bias.add_(1.0)
    x = torch.zeros(2, 5)
    for net, other in ((twin.net, policy.net), (policy.net, twin.net)):
        assert torch.equal(net(x), net.a(x)) and not torch.equal(net(x), other(x))
        assert torch.equal(net.a.again(x), net.a(x))


def test_rebinding_leaves_functions_as_they_are() -> None:
    policy = tiny()
    policy.net.function = compiled(policy.net.function)
    memo: dict[int, Any] = {}
    twin: Any = copy.deepcopy(policy, memo)
    rebind(policy, memo)
    assert twin.net.function is policy.net.function


class Copying(nn.Module):
    """A network that copies itself in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 4)
        self.a.forward = compiled(self.a.forward)

    def __deepcopy__(self, memo: Any) -> Copying:
        twin = Copying()
        twin.load_state_dict(self.state_dict())
        return twin


def test_a_network_that_copies_itself_is_left_as_it_copied() -> None:
    policy = TinyPolicy(Net(lambda n, x: n.own.a(x), own=Copying()))
    twin: Any = trial.copied(policy)
    assert twin.net.own is not policy.net.own
    with torch.no_grad():
        twin.net.own.a.bias.add_(1.0)
    x = torch.zeros(2, 5)
    assert not torch.equal(twin.net(x), policy.net(x))


# What is compiled may be pruned.


def squash(x: torch.Tensor) -> torch.Tensor:
    return 0.9 * x.relu()


def agent(squashes: Any = squash) -> Any:
    return extracted(lambda net, x: squashes(net.b(squashes(net.a(x)))))


def in_place(model: Any) -> None:
    model.policy.mlp_extractor.compile(backend=backend, fullgraph=True)


def own_module(model: Any) -> None:
    model.policy.features_extractor.compile(backend=backend)


def whole(model: Any) -> None:
    model.policy.compile(backend=backend)


def forward(model: Any) -> None:
    model.policy.forward = compiled(model.policy.forward)


def evaluating(model: Any) -> None:
    model.policy.evaluate_actions = compiled(model.policy.evaluate_actions)


def deeper(model: Any) -> None:
    extractor = model.policy.mlp_extractor
    extractor.forward_actor = compiled(extractor.forward_actor)


def nothing(model: Any) -> None:
    pass


def trained(model: Any, compile_: Any) -> list[torch.Tensor]:
    """Compile, train and prune an agent, and return its weights."""
    compile_(model)
    model.learn(32)
    config = {"final_sparsity": 0.5, "begin": 0.5, "end": 0.5, "compensate": False}
    model.learn(64, callback=sp.PruningCallback("magnitude", config))
    sp.prune(model, "magnitude", {"final_sparsity": 0.7, "compensate": False})
    model.learn(32)
    return [p.detach().clone() for p in model.policy.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "compile_", [in_place, own_module, whole, forward, evaluating, deeper]
)
def test_a_compiled_agent_is_pruned_as_any_other(compile_: Any) -> None:
    found = trained(agent(), compile_)
    assert GRAPHS
    zoo.assert_close(found, trained(agent(), nothing), 1e-6)


def test_compiled_functions_of_a_network_are_followed() -> None:
    model = agent(compiled(squash, fullgraph=True))
    assert {A, B} <= set(sp.wire(model))
    sp.prune(model, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    assert not GRAPHS and model.policy.features_extractor.a.out_features == 6


def test_a_network_that_is_compiled_in_place_stays_so() -> None:
    model = agent()
    in_place(model)
    sp.prune(model, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    assert not GRAPHS
    model.learn(32)
    assert GRAPHS
