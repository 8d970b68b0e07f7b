"""Volumes: one class for each."""

from brickwork.tasks.volume.task import load_volumes

__all__ = ["load_volumes"]
