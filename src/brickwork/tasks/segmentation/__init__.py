"""Segmentation: a class for each pixel of an image, or each voxel of a volume."""

from brickwork.tasks.segmentation.task import load_masks

__all__ = ["load_masks"]
