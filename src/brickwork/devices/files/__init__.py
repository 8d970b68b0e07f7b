"""Model files of any origin: what they hold, and what they cost."""

from brickwork.devices.files.model import ModelFile, Numbers
from brickwork.devices.files.reading import is_model_file, read_model

__all__ = ["ModelFile", "Numbers", "is_model_file", "read_model"]
