"""ONNX files written from graphs, against the modules built from the same graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from export_networks import (
    CASES,
    FAMILIES,
    HEAD,
    INPUTS,
    WIRED,
    Strange,
    every_op,
    graph_of,
    member,
    raw,
    relative,
    relatives,
    wired,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_spaces import spaces

from brickwork.errors import ExportError, ShapeError
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.export.runtimes import run_onnx, run_torch
from brickwork.nets import build
from brickwork.space import (
    Activation,
    Add,
    Columns,
    Conv,
    ConvTranspose,
    Depthwise,
    Embedding,
    Graph,
    Identity,
    Norm,
    Normalize,
    Parallel,
    Seq,
    Shape,
    graph,
)
from brickwork.spaces.references import PUBLISHED, dscnn, efficientnetb0, resnet8, vittiny
from brickwork.trial import rng_for


def check_equal(whole: Graph, tolerance: float = 1e-5) -> None:
    """Folded, unfolded and as a module a network gives the same."""
    weights = random_weights(whole, rng_for(0, "weights"))
    x = raw(whole)
    expected = run_torch(whole, weights, x)
    assert np.isfinite(expected).all()
    for fold in (True, False):
        model = write_onnx(whole, weights, fold=fold)
        onnx.checker.check_model(model, full_check=True)
        assert relative(expected, run_onnx(model, x)) < tolerance


def kinds(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_model_from_string(model).graph.node]


@pytest.mark.parametrize(("axes", "name"), CASES)
def test_every_op_computes_what_the_module_does(axes: int, name: str):
    channels = INPUTS[axes][0]
    normalize = Normalize(tuple(range(channels)), tuple(30.0 + i for i in range(channels)))
    check_equal(graph_of(every_op(axes)[name], INPUTS[axes], normalize=normalize))


@pytest.mark.parametrize("input", [(2, 64), (1, 28, 28), (3, 40, 33), (1, 16, 16, 16)])
def test_random_members_of_the_mobile_space(input: Shape):
    for seed in range(3):
        check_equal(member(input, seed))


@pytest.mark.parametrize("make", [resnet8, dscnn])
def test_published_networks(make: Any):
    space = make()
    input, outputs = PUBLISHED[space.name]
    check_equal(graph(space, space.arch(), input, outputs, Normalize((100.0,), (60.0,))))


@pytest.mark.parametrize("make", [efficientnetb0, vittiny])
def test_large_published_networks_on_small_images(make: Any):
    space = make()
    check_equal(graph(space, space.arch(), (3, 32, 32), 5, Normalize((100.0,), (60.0,))))


@pytest.mark.parametrize("name", WIRED)
def test_networks_whose_connections_are_searched(name: str):
    for whole in wired(name):
        check_equal(whole)


@pytest.mark.parametrize("name", FAMILIES)
def test_members_of_families(name: str):
    for whole in relatives(name):
        check_equal(whole)


@settings(max_examples=25)
@given(spaces(), st.sampled_from([(2, 7), (2, 6, 5), (1, 5, 5, 4)]), st.integers(0, 9))
def test_whatever_a_space_may_hold(space: Any, input: Shape, seed: int):
    whole = graph(space, space.sample(rng_for(seed, "arch")), input, 5)
    weights = random_weights(whole, rng_for(seed, "weights"))
    try:
        expected = run_torch(whole, weights, raw(whole) / 255)
    except (RuntimeError, ShapeError):  # PyTorch's pools refuse windows that pad a lot
        assume(False)
    assume(0 < np.abs(expected).max() < 1e6)
    for fold in (True, False):
        found = run_onnx(write_onnx(whole, weights, fold=fold), raw(whole) / 255)
        assert relative(expected, found) < 1e-4


def test_any_batch_and_the_names_of_ends():
    whole = member((1, 12, 12), 0)
    weights = random_weights(whole, rng_for(0, "weights"))
    content = write_onnx(whole, weights)
    model = onnx.load_model_from_string(content)
    (input,), (output,) = model.graph.input, model.graph.output
    assert (input.name, output.name) == ("input", "logits")
    sizes = [d.dim_param or d.dim_value for d in input.type.tensor_type.shape.dim]
    assert sizes == ["batch", 1, 12, 12]
    x = raw(whole, 4)
    together = run_onnx(content, x)
    alone = np.concatenate([run_onnx(content, row[None]) for row in x])
    assert relative(together, alone) < 1e-5


def test_the_file_says_who_wrote_it_and_is_the_same_each_time():
    whole = member((1, 12, 12), 0)
    weights = random_weights(whole, rng_for(0, "weights"))
    content = write_onnx(whole, weights)
    model = onnx.load_model_from_string(content)
    assert model.producer_name == "brickwork"
    assert {p.key: p.value for p in model.metadata_props} == {"brickwork.graph": whole.hash}
    assert content == write_onnx(whole, weights)
    names = {node.name for node in whole.nodes}
    layers = {n.name for n in model.graph.node if n.op_type in ("Conv", "Gemm")}
    assert layers <= names


def test_batch_norm_is_folded_where_nothing_else_reads_the_layer():
    body = Seq(Conv(4), Norm(), Activation(), Depthwise(), Norm(), HEAD)
    whole = graph_of(body)
    weights = random_weights(whole, rng_for(0, "weights"))
    assert "BatchNormalization" not in kinds(write_onnx(whole, weights))
    assert kinds(write_onnx(whole, weights, fold=False)).count("BatchNormalization") == 2


def test_batch_norm_is_folded_into_each_group_of_a_transposed_convolution():
    for groups in (1, 2, 3):
        op = ConvTranspose(6, 3, 2, 1, 1, groups, bias=groups == 2)
        whole = graph_of(Seq(Conv(6), op, Norm(), HEAD))
        weights = random_weights(whole, rng_for(0, "weights"))
        assert "BatchNormalization" not in kinds(write_onnx(whole, weights))
        check_equal(whole)


@pytest.mark.parametrize("body", [Embedding(4, 3), Columns(0, (4, 2, 3, 4, 1, 4), 2)])
def test_ids_out_of_range_give_what_the_module_gives(body: Any):
    whole = graph_of(body, (6,))
    weights = random_weights(whole, rng_for(0, "weights"))
    x = np.array([[-1, 0, 3, 4, 99, 1e30], [-1e30, 2, 1, -7, 5, 3]], dtype=np.float32)
    found = run_onnx(write_onnx(whole, weights), x)
    assert np.array_equal(found, run_torch(whole, weights, x))
    x[0, 0] = np.nan
    assert np.isfinite(run_onnx(write_onnx(whole, weights), x)).all()


def test_batch_norm_stays_where_the_layer_is_read_twice():
    body = Seq(Conv(4), Parallel((Identity(), Norm()), Add()), HEAD)
    whole = graph_of(body)
    weights = random_weights(whole, rng_for(0, "weights"))
    assert kinds(write_onnx(whole, weights)).count("BatchNormalization") == 1
    check_equal(whole)


def test_networks_of_almost_nothing():
    check_equal(graph_of(Identity()))
    check_equal(graph_of(Parallel((Identity(), Identity()), Add())))
    check_equal(graph_of(Seq(Activation(), Activation())))


def test_random_weights_fit_the_module_and_keep_values_in_range():
    whole = member((3, 32, 32), 1)
    weights = random_weights(whole, rng_for(0, "weights"))
    state = build(whole).state_dict()
    assert {k: v.shape for k, v in weights.items()} == {k: tuple(v.shape) for k, v in state.items()}
    counters = [key for key in weights if key.endswith(".num_batches_tracked")]
    assert counters
    assert all(weights[key].dtype == np.int64 for key in counters)
    again = random_weights(whole, rng_for(0, "weights"))
    assert all(np.array_equal(weights[key], again[key]) for key in weights)
    size = np.abs(run_onnx(write_onnx(whole, weights), raw(whole))).max()
    assert 1e-3 < size < 1e3


def test_missing_and_misshapen_weights_are_named():
    whole = graph_of(Seq(Conv(4, bias=True), HEAD))
    weights = random_weights(whole, rng_for(0, "weights"))
    few = {key: value for key, value in weights.items() if key != "conv.bias"}
    with pytest.raises(ExportError, match=r"no 'conv\.bias'"):
        write_onnx(whole, few)
    with pytest.raises(ExportError, match=r"'head\.linear\.weight' has shape \(4, 5\).*\(5, 4\)"):
        write_onnx(whole, weights | {"head.linear.weight": weights["head.linear.weight"].T})


def test_an_op_without_an_onnx_form_is_named():
    whole = graph_of(Seq(Seq(Strange(), name="scope"), HEAD))
    with pytest.raises(ExportError, match=r"scope\.strange.*'strange'"):
        write_onnx(whole, random_weights(whole, rng_for(0, "weights")))
