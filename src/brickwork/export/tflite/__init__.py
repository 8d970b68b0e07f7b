"""Files of TensorFlow Lite (LiteRT), written directly: int8 and float."""

from brickwork.export.tflite.floats import write_tflite
from brickwork.export.tflite.integers import write_tflite_int8
from brickwork.export.tflite.reading import read_tflite_int8

__all__ = ["read_tflite_int8", "write_tflite", "write_tflite_int8"]
