"""Modules from graphs, and weight sharing over a whole space (PyTorch)."""

from brickwork.nets.build import build, load_weights, weights_of
from brickwork.nets.supernet import Mix, Partial, Supernet

__all__ = ["Mix", "Partial", "Supernet", "build", "load_weights", "weights_of"]
