"""Image classification: from files or arrays to a task."""

from brickwork.tasks.image.sources import BUILT_IN, Source
from brickwork.tasks.image.task import image_inputs, load_images

__all__ = ["BUILT_IN", "Source", "image_inputs", "load_images"]
