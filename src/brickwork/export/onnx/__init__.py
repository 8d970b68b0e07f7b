"""ONNX written directly from a graph and its weights, in milliseconds.

Nothing is traced: each op of the graph becomes the ONNX operators that compute the same. That is
fast enough to write, and so to measure, every candidate of a search. Batch norms are folded into
the convolution or linear layer before them, as every runtime would do.
"""

from brickwork.export.onnx.file import (
    INPUT,
    OPSET,
    OUTPUT,
    end_in_softmax,
    producer_version,
    write_onnx,
)
from brickwork.export.onnx.integer_writer import UP, integers_of
from brickwork.export.onnx.integers import with_integers, write_onnx_int8
from brickwork.export.onnx.weights import random_weights

__all__ = [
    "INPUT",
    "OPSET",
    "OUTPUT",
    "UP",
    "end_in_softmax",
    "integers_of",
    "producer_version",
    "random_weights",
    "with_integers",
    "write_onnx",
    "write_onnx_int8",
]
