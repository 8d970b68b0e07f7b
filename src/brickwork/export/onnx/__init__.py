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
from brickwork.export.onnx.weights import random_weights

__all__ = [
    "INPUT",
    "OPSET",
    "OUTPUT",
    "end_in_softmax",
    "producer_version",
    "random_weights",
    "write_onnx",
]
