"""Volumes: one class for each."""

from brickwork.tasks.volume.task import load_volumes, volume_inputs

__all__ = ["load_volumes", "volume_inputs"]
