"""C files give the bits of the reference arithmetic, and those of TensorFlow Lite Micro."""

from typing import Any

import numpy as np
import pytest
from export_networks import CASES, INPUTS, every_op, graph_of, member, relatives, wired
from integer_networks import compiled, integers, network_of, quantized

from brickwork.devices.lowering import why_not
from brickwork.devices.program import Constant
from brickwork.export.c import write_c
from brickwork.export.c.host import SANITIZED, run_c
from brickwork.export.integer.network import IntegerNetwork
from brickwork.export.integer.reference import run
from brickwork.export.runtimes import run_tflm
from brickwork.export.tflite import write_tflite_int8
from brickwork.space import Shape

pytestmark = compiled

Layers = list[dict[str, Any]]

WINDOW = {"kernel": (3, 3), "stride": (2, 2), "pads": (0, 1, 0, 1)}
POOL = {"kernel": (2, 2), "stride": (2, 2)}
CHANNELS = Constant((1, 1, 5), (0.5, -1.0, 2.0, 0.0, 1.0))
PLACES = Constant((2, 3, 1), (1.0, 1.5, 2.0, 1.0, 1.2, 3.0))

SINGLE: dict[str, tuple[list[Shape], Layers]] = {
    "convolution": ([(8, 8, 3), (4, 4, 6)], [{"kind": "CONV_2D", **WINDOW}]),
    "convolution, one channel": (
        [(9, 7, 1), (9, 7, 5)],
        [{"kind": "CONV_2D", "kernel": (3, 5), "pads": (1, 1, 2, 2), "activation": "relu"}],
    ),
    "dilated": (
        [(9, 9, 3), (9, 9, 5)],
        [{"kind": "CONV_2D", "kernel": (3, 3), "dilation": (2, 2), "pads": (2, 2, 2, 2)}],
    ),
    "dilated one way": (
        [(1, 20, 3), (1, 12, 4)],
        [{"kind": "CONV_2D", "kernel": (1, 3), "dilation": (1, 4)}],
    ),
    "two groups": (
        [(5, 6, 4), (5, 6, 6)],
        [{"kind": "CONV_2D", "kernel": (3, 3), "pads": (1, 1, 1, 1), "groups": 2}],
    ),
    "groups of pixels": ([(3, 3, 6), (3, 3, 15)], [{"kind": "CONV_2D", "groups": 3}]),
    "pixels": ([(4, 3, 9), (4, 3, 7)], [{"kind": "CONV_2D", "activation": "relu6"}]),
    "every second pixel": ([(5, 5, 4), (3, 3, 4)], [{"kind": "CONV_2D", "stride": (2, 2)}]),
    "depthwise": ([(8, 8, 6), (4, 4, 6)], [{"kind": "DEPTHWISE_CONV_2D", **WINDOW}]),
    "depthwise, dilated": (
        [(9, 8, 4), (9, 8, 4)],
        [{"kind": "DEPTHWISE_CONV_2D", "kernel": (3, 3), "dilation": (2, 1), "pads": (2, 2, 1, 1)}],
    ),
    "depthwise, multiplied": (
        [(8, 8, 3), (4, 4, 6)],
        [{"kind": "DEPTHWISE_CONV_2D", **WINDOW, "activation": "relu"}],
    ),
    "depthwise pixels": ([(3, 3, 5), (3, 3, 5)], [{"kind": "DEPTHWISE_CONV_2D"}]),
    "dense": ([(13,), (7,)], [{"kind": "FULLY_CONNECTED", "activation": "relu"}]),
    "transposed": (
        [(4, 5, 3), (8, 10, 4)],
        [{"kind": "TRANSPOSE_CONV", "kernel": (2, 2), "stride": (2, 2)}],
    ),
    "transposed, overlapping": (
        [(4, 5, 3), (7, 9, 2)],
        [{"kind": "TRANSPOSE_CONV", "kernel": (3, 3), "stride": (2, 2), "pads": (1, 1, 1, 1)}],
    ),
    "sum with a number": (
        [(2, 3, 5), (2, 3, 5)],
        [{"kind": "ADD", "constant": Constant((), (3.0,)), "activation": "relu6"}],
    ),
    "sum with a row": ([(2, 3, 5), (2, 3, 5)], [{"kind": "ADD", "constant": CHANNELS}]),
    "sum of one tensor": ([(2, 3, 5), (2, 3, 5)], [{"kind": "ADD", "inputs": (0, 0)}]),
    "product with a number": (
        [(2, 3, 5), (2, 3, 5)],
        [{"kind": "MUL", "constant": Constant((), (1 / 6,))}],
    ),
    "product with a plane": ([(2, 3, 5), (2, 3, 5)], [{"kind": "MUL", "constant": PLACES}]),
    "product with a row": ([(2, 3, 5), (2, 3, 5)], [{"kind": "MUL", "constant": CHANNELS}]),
    "gate": (
        [(4, 3, 5), (1, 1, 5), (4, 3, 5)],
        [{"kind": "MEAN"}, {"kind": "MUL", "inputs": (0, 1)}],
    ),
    "gate first": (
        [(4, 3, 5), (1, 1, 5), (4, 3, 5)],
        [{"kind": "MEAN"}, {"kind": "MUL", "inputs": (1, 0)}],
    ),
    "pad": ([(3, 4, 2), (6, 6, 2)], [{"kind": "PAD", "pads": (1, 2, 2, 0)}]),
    "lowest pad": (
        [(3, 4, 2), (4, 6, 2)],
        [{"kind": "PADV2", "pads": (1, 0, 0, 2), "lowest": True}],
    ),
    "padded convolution": (
        [(5, 5, 2), (7, 7, 2), (3, 3, 4)],
        [
            {"kind": "PAD", "pads": (1, 1, 1, 1)},
            {"kind": "CONV_2D", "kernel": (3, 3), "stride": (2, 2)},
        ],
    ),
    "padded average": (
        [(5, 5, 2), (7, 7, 2), (3, 3, 2)],
        [
            {"kind": "PAD", "pads": (1, 1, 1, 1)},
            {"kind": "AVERAGE_POOL_2D", "kernel": (3, 3), "stride": (2, 2)},
        ],
    ),
    "padded maximum": (
        [(5, 5, 2), (7, 7, 2), (3, 3, 2)],
        [
            {"kind": "PADV2", "pads": (1, 1, 1, 1), "lowest": True},
            {"kind": "MAX_POOL_2D", "kernel": (3, 3), "stride": (2, 2)},
        ],
    ),
    "zeros in a maximum": (
        [(5, 5, 2), (7, 7, 2), (3, 3, 2)],
        [
            {"kind": "PAD", "pads": (1, 1, 1, 1)},
            {"kind": "MAX_POOL_2D", "kernel": (3, 3), "stride": (2, 2)},
        ],
    ),
    "a padded image that more than a convolution reads": (
        [(3, 3, 2), (5, 5, 2), (5, 5, 2), (5, 5, 2)],
        [
            {"kind": "PAD", "pads": (1, 1, 1, 1)},
            {"kind": "CONV_2D"},
            {"kind": "ADD", "inputs": (1, 2)},
        ],
    ),
    "maximum": ([(6, 4, 3), (3, 2, 3)], [{"kind": "MAX_POOL_2D", **POOL, "activation": "relu"}]),
    "average": ([(6, 4, 3), (3, 2, 3)], [{"kind": "AVERAGE_POOL_2D", **POOL}]),
    "average at the border": (
        [(5, 4, 3), (5, 4, 3)],
        [{"kind": "AVERAGE_POOL_2D", "kernel": (3, 3), "pads": (1, 1, 1, 1)}],
    ),
    "mean": ([(6, 4, 3), (3,)], [{"kind": "MEAN"}]),
    "join": (
        [(3, 2, 2), (3, 2, 4), (3, 2, 6)],
        [{"kind": "CONV_2D"}, {"kind": "CONCATENATION", "inputs": (0, 1)}],
    ),
    "join of vectors": (
        [(4,), (8,)],
        [{"kind": "CONCATENATION", "inputs": (0, 0)}],
    ),
    "other shapes": (
        [(2, 3, 4), (24,), (7,), (1, 1, 7), (1, 1, 3), (3,)],
        [
            {"kind": "RESHAPE"},
            {"kind": "FULLY_CONNECTED"},
            {"kind": "RESHAPE"},
            {"kind": "CONV_2D"},
            {"kind": "RESHAPE"},
        ],
    ),
    "shares": ([(7,), (7,)], [{"kind": "SOFTMAX"}]),
    "shares at each position": ([(3, 4, 5), (3, 4, 5)], [{"kind": "SOFTMAX"}]),
    "shares in the place of a sum": (
        [(300,), (300,), (300,)],
        [{"kind": "ADD", "inputs": (0, 0)}, {"kind": "SOFTMAX"}],
    ),
    **{
        kind: ([(16, 16, 1), (16, 16, 1)], [{"kind": kind}])
        for kind in ("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "GELU")
    },
}


@pytest.mark.parametrize("name", SINGLE)
def test_every_kind_of_layer(name: str) -> None:
    shapes, layers = SINGLE[name]
    network = network_of(shapes, layers)
    q = integers(network)
    if len(layers) == 1 and shapes[0] == (16, 16, 1):
        q[0] = np.arange(-128, 128).reshape(16, 16, 1)
    found = run_c(write_c(network), q, ("-O0", *SANITIZED))
    np.testing.assert_array_equal(found, run(network, q))


def test_every_kind_is_among_them() -> None:
    from brickwork.export.c.calls import KERNELS, call_of
    from brickwork.export.c.placing import place

    kernels = set()
    for shapes, layers in SINGLE.values():
        placed = place(network_of(shapes, layers))
        kernels |= {call_of(placed, job, "layer").kernel for job in placed.jobs}
    assert kernels == set(KERNELS)


def check(network: IntegerNetwork) -> None:
    q = integers(network)
    found = run_c(write_c(network), q, ("-O1",))
    np.testing.assert_array_equal(found, run(network, q))
    if all(step.layer.kind != "GELU" for step in network.steps):
        pytest.importorskip("tflite_micro")
        np.testing.assert_array_equal(found, run_tflm(write_tflite_int8(network), q))


@pytest.mark.parametrize(
    ("axes", "name"),
    [
        (axes, name)
        for axes, name in CASES
        if axes < 3 and not why_not(graph_of(every_op(axes)[name], INPUTS[axes]))
    ],
)
def test_every_op(axes: int, name: str) -> None:
    check(quantized(graph_of(every_op(axes)[name], INPUTS[axes])))


@pytest.mark.parametrize("seed", range(3))
def test_random_networks(seed: int) -> None:
    check(quantized(member((3, 16, 12), seed)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasbench201", "darts", "dag", "hierarchy"])
def test_wired_networks(name: str) -> None:
    for whole in wired(name):
        if not why_not(whole):
            check(quantized(whole))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["residual", "speech", "series"])
def test_families(name: str) -> None:
    for whole in relatives(name):
        check(quantized(whole))
