"""Modules from graphs, and weight sharing over a whole space (PyTorch)."""

from brickwork.nets.build import build, load_weights, weights_of
from brickwork.nets.supernet import Mix, Supernet

__all__ = ["Mix", "Supernet", "build", "load_weights", "weights_of"]
