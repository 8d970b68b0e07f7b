"""Latency of a ``.tflite`` file measured in LiteRT (once TensorFlow Lite) on this machine."""

from __future__ import annotations

import importlib.util
from importlib import metadata

from brickwork.devices.measure import ROUNDS, Rounds, measure_call, pixels
from brickwork.errors import MissingExtra
from brickwork.quantity import Quantity

__all__ = ["measure_tflite", "needs_litert"]


def measure_tflite(model: bytes, how: Rounds = ROUNDS) -> Quantity:
    """Milliseconds of one call on one thread of the CPU, with the kernels that LiteRT picks.

    A file that is not whole may end this process: run files of strangers in a ``Child``.

    Args:
        model: A ``.tflite`` file's bytes.
        how: How often it is called.

    Raises:
        MissingExtra: LiteRT is not installed.
        RuntimeError: It cannot run the file.
    """
    needs_litert()
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    for details in interpreter.get_input_details():
        type_ = details["dtype"].__name__
        interpreter.set_tensor(details["index"], pixels(tuple(details["shape"]), type_))
    version = metadata.version("ai-edge-litert")
    return measure_call(interpreter.invoke, f"LiteRT {version} (XNNPACK where it can)", 1, how)


def needs_litert() -> None:
    """Check that LiteRT is there.

    Raises:
        MissingExtra: It is not.
    """
    if importlib.util.find_spec("ai_edge_litert") is None:
        raise MissingExtra("mcu", "measuring a .tflite file on this machine")
