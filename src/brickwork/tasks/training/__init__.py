"""Training: the recipe and the loop."""

from brickwork.tasks.training.loop import Epoch, Trained, best_device, evaluate, predict, train
from brickwork.tasks.training.process import prepare_process
from brickwork.tasks.training.recipe import Amount, Recipe, default_batch, full_epochs, one_cycle

__all__ = [
    "Amount",
    "Epoch",
    "Recipe",
    "Trained",
    "best_device",
    "default_batch",
    "evaluate",
    "full_epochs",
    "one_cycle",
    "predict",
    "prepare_process",
    "train",
]
