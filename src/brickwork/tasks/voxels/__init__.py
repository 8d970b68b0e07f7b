"""Pictures in two or three dimensions of any size: shared by volumes and masks."""

from brickwork.tasks.voxels.fitting import SIDE, common_shape, files_for, in_bytes, objects
from brickwork.tasks.voxels.nifti import NIFTI, Scan, apart, common_spacing, read_nifti, resampled
from brickwork.tasks.voxels.prepare import fitted, prepare, usual

__all__ = [
    "NIFTI",
    "SIDE",
    "Scan",
    "apart",
    "common_shape",
    "common_spacing",
    "files_for",
    "fitted",
    "in_bytes",
    "objects",
    "prepare",
    "read_nifti",
    "resampled",
    "usual",
]
