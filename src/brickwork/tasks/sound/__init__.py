"""Sound classification: from clips to a task, with its front end."""

from brickwork.tasks.sound.sources import Source
from brickwork.tasks.sound.task import load_sounds

__all__ = ["Source", "load_sounds"]
