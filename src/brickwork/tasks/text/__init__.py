"""Text classification: from files or lists of texts to a task."""

from brickwork.tasks.text.task import load_texts, text_inputs

__all__ = ["load_texts", "text_inputs"]
