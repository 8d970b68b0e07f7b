"""Counted costs: golden numbers of published networks, and a second route over the whole graph."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_spaces import space_and_input

from brickwork.devices import counted, flash_bytes, load_target, macs, parameters, peak_sram
from brickwork.quantity import METRICS, How
from brickwork.space import (
    Activation,
    Add,
    ClassToken,
    Columns,
    Conv,
    ConvTranspose,
    Depthwise,
    Dropout,
    Embedding,
    Graph,
    Identity,
    Linear,
    Norm,
    Normalize,
    Parallel,
    Position,
    Reshape,
    Residual,
    Seq,
    Space,
    Tokens,
    graph,
)
from brickwork.spaces.references import PUBLISHED, dscnn, mobilenetv2, resnet8

NETWORKS = {"resnet8": resnet8, "mobilenetv2": mobilenetv2, "dscnn": dscnn}


def published(name: str) -> Graph:
    space = NETWORKS[name]()
    return graph(space, space.arch(), *PUBLISHED[name])


@pytest.mark.parametrize(
    ("name", "trained", "work"),
    [
        ("mobilenetv2", 3_504_872, 300_774_272),
        ("resnet8", 78_186, 12_501_632),
        ("dscnn", 23_756, 2_656_768),
    ],
)
def test_published_networks(name, trained, work):
    assert parameters(published(name)) == trained
    assert macs(published(name)) == work


def slow_flash(whole: Graph, precision: str) -> int:
    """Flash bytes node by node over the whole graph."""
    readers = whole.consumers()
    total = 0

    def foldable(index: int) -> int | None:
        """The op that a batch norm reading this node can be folded into."""
        if len(readers[index]) != 1:
            return None
        node = whole.nodes[index]
        if isinstance(node.op, Conv | ConvTranspose | Depthwise | Linear):
            return index
        if isinstance(node.op, Dropout) or (isinstance(node.op, Norm) and node.op.how == "batch"):
            return foldable(node.inputs[0])
        return None

    biased = set()
    for index, node in enumerate(whole.nodes):
        weights = dict(node.op.weights(whole.shapes_into(node)))
        if isinstance(node.op, Normalize) and precision == "float32":
            total += 4 * (len(node.op.mean) + len(node.op.std))
        if isinstance(node.op, Position):
            total += prod(node.shape) + 4 if precision == "int8" else 4 * prod(node.shape)
            continue
        if not weights:
            continue
        if isinstance(node.op, Norm) and node.op.how == "batch":
            host = foldable(node.inputs[0])
            if host is not None:
                if host not in biased and precision == "float32":
                    total += 4 * node.shape[0]
                biased.add(host)
                continue
        bias = weights.pop("bias", None)
        if bias is not None:
            biased.add(index)
        count = sum(map(prod, weights.values()))
        if precision == "int8":
            total += count + 8 * node.shape[0]
        else:
            total += 4 * (count + (prod(bias) if bias is not None else 0))
    return total


@given(space_and_input(), st.integers(0, 2**32), st.booleans())
def test_fragments_add_up_to_the_whole_graph(pair, seed, normal):
    space, input = pair
    normalize = Normalize((1.0,), (2.0,)) if normal else None
    whole = graph(space, space.sample(np.random.default_rng(seed)), input, 5, normalize)
    shapes = [whole.shapes_into(node) for node in whole.nodes]
    assert parameters(whole) == sum(
        prod(shape)
        for node, inputs in zip(whole.nodes, shapes, strict=True)
        for shape in node.op.weights(inputs).values()
    )
    assert macs(whole) == sum(
        node.op.macs(inputs, node.shape) for node, inputs in zip(whole.nodes, shapes, strict=True)
    )
    for precision in ("int8", "float32"):
        assert flash_bytes(whole, precision) == slow_flash(whole, precision)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_flash_of_published_networks(name):
    """After folding, all that is left of the norms is one bias a channel."""
    whole = published(name)
    norms = [node for node in whole.nodes if isinstance(node.op, Norm)]
    ops = [node for node in whole.nodes if isinstance(node.op, Conv | Depthwise | Linear)]
    biases = sum(node.shape[0] for node in ops)
    scales_and_shifts = sum(2 * node.shape[0] for node in norms)
    had_bias = sum(node.shape[0] for node in ops if node.op.bias)
    weights = parameters(whole) - scales_and_shifts - had_bias
    assert flash_bytes(whole, "int8") == weights + 8 * biases
    assert flash_bytes(whole, "float32") == 4 * (weights + biases)


def bytes_of(*bricks: object) -> tuple[int, int]:
    space = Space("s", Seq(*bricks))
    whole = graph(space, space.arch(), (3, 8, 8), 4)
    return flash_bytes(whole, "int8"), flash_bytes(whole, "float32")


def test_batch_norm_is_folded_only_into_the_op_right_before_it():
    conv = 4 * 3 * 9
    assert bytes_of(Conv(4)) == (conv + 8 * 4, 4 * conv)
    assert bytes_of(Conv(4), Norm()) == (conv + 8 * 4, 4 * (conv + 4))
    assert bytes_of(Conv(4, bias=True), Norm()) == bytes_of(Conv(4), Norm())
    assert bytes_of(Conv(4), Dropout(0.1), Norm()) == bytes_of(Conv(4), Norm())
    assert bytes_of(Conv(4), Norm(), Norm()) == bytes_of(Conv(4), Norm())
    # behind an activation, of another kind, or of a tensor that others read: an op of its own
    norm = (4 + 8 * 4, 4 * 8)
    alone = bytes_of(Conv(4))
    behind = tuple(a + b for a, b in zip(alone, norm, strict=True))
    assert bytes_of(Conv(4), Activation(), Norm()) == behind
    assert bytes_of(Conv(4), Norm("layer")) == behind
    assert bytes_of(Conv(4), Residual(Norm())) == behind
    assert bytes_of(Conv(4), Parallel((Norm(), Identity()), Add())) == behind


def test_batch_norm_is_folded_into_a_transposed_convolution():
    weights = 4 * 3 * 4
    assert bytes_of(ConvTranspose(4)) == (weights + 8 * 4, 4 * weights)
    assert bytes_of(ConvTranspose(4), Norm()) == (weights + 8 * 4, 4 * (weights + 4))


def test_tables_have_one_scale_and_sines_are_stored():
    """On three channels with 64 positions."""
    assert bytes_of(Tokens(), Position()) == (192 + 4, 4 * 192)
    assert bytes_of(Tokens(), Position("sinusoidal")) == bytes_of(Tokens(), Position())
    assert bytes_of(Tokens(), ClassToken()) == (3 + 4, 4 * 3)
    assert bytes_of(Reshape((192,)), Embedding(9, 5)) == (45 + 4, 4 * 45)
    assert bytes_of(Reshape((192,)), Columns(190, (3, 4), 5)) == (35 + 4, 4 * 35)


def test_counted_names_units_and_sources():
    whole, target = published("dscnn"), load_target("stm32f746")
    costs = counted(whole, target)
    assert set(costs) == {"parameters", "macs", "flash_bytes", "peak_sram_bytes"}
    for name, quantity in costs.items():
        assert quantity.how is How.COUNTED
        assert quantity.unit == METRICS[name].unit
        assert quantity.spread is None
        assert quantity.source
    assert costs["flash_bytes"].value == flash_bytes(whole, "int8")
    assert costs["peak_sram_bytes"].value == peak_sram(whole, "int8")
    assert "without the runtime" in costs["flash_bytes"].source
    assert "without the runtime" in costs["peak_sram_bytes"].source


def test_counted_uses_the_precision_of_the_target():
    whole = published("resnet8")
    costs = counted(whole, load_target("cpu"))
    assert costs["flash_bytes"].value == flash_bytes(whole, "float32")
    assert costs["peak_sram_bytes"].value == 4 * peak_sram(whole, "int8")


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="unknown precision 'float16'"):
        flash_bytes(published("dscnn"), "float16")
