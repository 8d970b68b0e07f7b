"""Modules from graphs (PyTorch)."""

from brickwork.nets.build import build, load_weights, weights_of

__all__ = ["build", "load_weights", "weights_of"]
