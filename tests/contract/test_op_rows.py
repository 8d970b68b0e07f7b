"""Every operation has a row wherever operations have one, or a refusal that says what to do."""

from __future__ import annotations

from math import prod

import pytest
import torch
from export_networks import graph_of, raw, relative

from brickwork.devices import known_costs, load_target, macs, parameters
from brickwork.devices.lowering import why_not
from brickwork.devices.memory import memory_profile
from brickwork.errors import ExportError
from brickwork.export.contents import contents
from brickwork.export.crosscheck import crosscheck
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.export.runtimes import run_onnx, run_torch
from brickwork.export.source import write_source
from brickwork.nets import build
from brickwork.report.outline import blocks
from brickwork.space import (
    Block,
    Graph,
    Identity,
    Op,
    Parallel,
    Shape,
    Space,
    ops,
)
from brickwork.trial import rng_for

ROWS: dict[type[Op], tuple[Block, Shape]] = {
    ops.Activation: (ops.Activation(), (3, 6)),
    ops.Add: (ops.Add(), (3, 6)),
    ops.Attend: (ops.Attend(2), (4, 6)),
    ops.ClassToken: (ops.ClassToken(), (3, 6)),
    ops.Columns: (ops.Columns(2, (4, 3), 2), (4,)),
    ops.Concat: (ops.Concat(), (3, 6)),
    ops.Conv: (ops.Conv(4), (3, 6)),
    ops.ConvTranspose: (ops.ConvTranspose(4), (3, 6)),
    ops.Custom: (
        ops.Custom("own_modules:make", "own_modules:describe", (("width", 4),)),
        (3, 6),
    ),
    ops.Depthwise: (ops.Depthwise(), (3, 6)),
    ops.Dropout: (ops.Dropout(), (3, 6)),
    ops.Embedding: (ops.Embedding(9, 4), (6,)),
    ops.Flatten: (ops.Flatten(), (3, 6)),
    ops.GlobalPool: (ops.GlobalPool(), (3, 6)),
    ops.Linear: (ops.Linear(), (6,)),
    ops.MaskedMean: (ops.MaskedMean(), (6,)),
    ops.Multiply: (ops.Multiply(), (3, 6)),
    ops.Norm: (ops.Norm(), (3, 6)),
    ops.Normalize: (ops.Normalize((1.0,), (2.0,)), (3, 6)),
    ops.Pool: (ops.Pool(), (3, 6)),
    ops.Position: (ops.Position(), (3, 6)),
    ops.Reshape: (ops.Reshape((2, 9)), (3, 6)),
    ops.Select: (ops.Select(), (3, 6)),
    ops.Softmax: (ops.Softmax(), (3, 6)),
    ops.Tokens: (ops.Tokens(), (3, 6, 5)),
    ops.Zero: (ops.Zero(2), (3, 6)),
}
"""An example of each operation, and an input for it."""

REFUSED = {ops.Custom}
"""Operations that no file can be written of."""


def network(kind: type[Op]) -> Graph:
    """A network of one operation."""
    body, input = ROWS[kind]
    if isinstance(body, ops.MaskedMean):
        body = Parallel((ops.Embedding(9, 4), Identity()), body)
    elif isinstance(body, ops.Add | ops.Attend | ops.Concat | ops.Multiply):
        body = Parallel((Identity(),) * (3 if isinstance(body, ops.Attend) else 2), body)
    return graph_of(body, input)


def test_every_operation_has_an_example():
    """A new operation starts here; all else in this file then says what it still needs."""
    found = {getattr(ops, name) for name in ops.__all__}
    classes = {c for c in found if isinstance(c, type) and issubclass(c, Op)}
    assert classes - {Op, ops.Input} == set(ROWS)


@pytest.mark.parametrize("kind", ROWS)
def test_it_is_a_brick_that_becomes_json_and_back(kind: type[Op]):
    body, _ = ROWS[kind]
    space = Space("s", Parallel((Identity(), body)))
    assert Space.from_json(space.to_json()) == space


@pytest.mark.parametrize("kind", ROWS)
def test_it_has_a_module_whose_shapes_weights_and_macs_are_those_of_the_graph(kind: type[Op]):
    assert crosscheck(network(kind), export=False) == []


@pytest.mark.parametrize("kind", ROWS)
def test_its_module_goes_through_torch_export(kind: type[Op]):
    assert crosscheck(network(kind), export=True) == []


@pytest.mark.parametrize("kind", ROWS)
def test_it_has_costs_memory_and_a_drawing(kind: type[Op]):
    whole = network(kind)
    for name in ("cpu", "stm32f746"):
        costs = known_costs(whole, load_target(name))
        assert costs["parameters"].value == parameters(whole)
        assert costs["macs"].value == macs(whole)
        trained = costs["parameters"].value
        assert costs["flash_bytes"].value >= trained
        assert costs["peak_sram_bytes"].value >= prod(whole.output)
    assert all(size >= prod(whole.output) for _, size in memory_profile(whole, "int8")[-1:])
    drawn = blocks(whole)
    assert sum(block["parameters"] for block in drawn) == parameters(whole)


@pytest.mark.parametrize("kind", ROWS)
def test_it_has_onnx_for_any_batch_and_int8_or_says_what_to_do_instead(kind: type[Op]):
    whole = network(kind)
    weights = random_weights(whole, rng_for(0, "weights"))
    if kind in REFUSED:
        with pytest.raises(
            ExportError, match=rf"{kind.kind}: .*own_modules:make.* ONNX: use torch"
        ):
            write_onnx(whole, weights)
        return
    model = write_onnx(whole, weights)
    for batch in (1, 4):
        x = raw(whole, batch) / 32
        assert relative(run_torch(whole, weights, x), run_onnx(model, x)) < 1e-6
    seen = raw(whole, 16) / 32
    files, integer = contents(whole, weights, ("onnx-int8",), seen, None, x, {})
    assert (integer is None) == bool(why_not(whole))  # then ONNX Runtime's quantiser does it
    assert run_onnx(files["model.int8.onnx"], x).shape == (4, *whole.output)


@pytest.mark.parametrize("kind", ROWS)
def test_it_has_source_or_says_what_to_do_instead(kind: type[Op]):
    whole = network(kind)
    if kind in REFUSED:
        with pytest.raises(ExportError, match=rf"{kind.kind}: own_modules:make .* import it"):
            write_source(whole, "test")
        return
    compile(write_source(whole, "test"), "model.py", "exec")


def test_an_own_module_exports_through_torch():
    """What the refusal advises."""
    whole = network(ops.Custom)
    module = build(whole).eval()
    x = torch.rand(2, *whole.input)
    program = torch.export.export(module, (x,))
    torch.testing.assert_close(program.module()(x), module(x))
