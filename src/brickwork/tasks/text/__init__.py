"""Text classification: from files or lists of texts to a task."""

from brickwork.tasks.text.task import load_texts

__all__ = ["load_texts"]
