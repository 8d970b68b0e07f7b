"""Image classification: from files or arrays to a task."""

from brickwork.tasks.image.sources import BUILT_IN, Source
from brickwork.tasks.image.task import ImageTask, load_images, load_saved

__all__ = ["BUILT_IN", "ImageTask", "Source", "load_images", "load_saved"]
