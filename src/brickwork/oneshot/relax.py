"""Trains the weights of a supernet and the numbers of a rule in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from brickwork.nets import Mix, Supernet
from brickwork.nets.layers import BatchNorm
from brickwork.oneshot.gradient import Relaxation
from brickwork.tasks.task import Task
from brickwork.tasks.training import Recipe, Trained, default_batch, one_cycle, train
from brickwork.trial import rng_for

__all__ = ["relax"]

_WARM = 0.1  # of the training, in which only weights are trained
_LARGEST = 0.05  # step of a number
_REACH = 0.01  # norm of the step by which second derivatives are taken, as in DARTS

Term = Callable[[Mapping[str, Tensor]], Tensor]
"""What is added to the validation loss, from the probabilities of options."""


def relax(
    net: Supernet,
    task: Task,
    rule: Relaxation,
    recipe: Recipe,
    *,
    epochs: int,
    seed: int,
    term: Term | None = None,
    stop: Callable[[], bool] | None = None,
    device: str = "cpu",
) -> Trained:
    """Search by gradients: before each step of the weights, one of the rule's numbers.

    Weights learn from the training split, numbers from the validation split. Both begin as they are
    and are changed in place.

    Args:
        net: The supernet.
        task: The data.
        rule: Makes mixes of the numbers.
        recipe: How to train the weights.
        epochs: How often every training sample is seen.
        seed: Decides order and augmentation.
        term: An expected cost, for instance.
        stop: As for ``train``.
        device: As for ``train``.

    Raises:
        Diverged: The loss became NaN or infinite.
        SpaceError: A decision of the space has no soft form.
    """
    for part in net.modules():
        if isinstance(part, BatchNorm):  # a learned scale would undo the weight of an option
            for value in part.parameters(recurse=False):
                value.requires_grad_(False)
    batch = recipe.batch or default_batch(task.splits["train"].size)
    steps = max(1, epochs * (task.splits["train"].size // batch))
    turn = _Turn(net, task, rule, recipe, term, seed, batch, steps)
    return train(net, task, recipe, epochs=epochs, seed=seed, stop=stop, device=device, loss=turn)


class _Turn:
    """One step of the numbers, then the loss of one of the weights."""

    def __init__(
        self,
        net: Supernet,
        task: Task,
        rule: Relaxation,
        recipe: Recipe,
        term: Term | None,
        seed: int,
        batch: int,
        steps: int,
    ) -> None:
        self.net, self.task, self.rule, self.recipe, self.term = net, task, rule, recipe, term
        self.numbers = list(rule.alphas.values())
        self.weights = [p for p in net.parameters() if p.requires_grad]
        rate = min(_LARGEST, rule.travel / max(1.0, steps * (1 - _WARM)))
        self.optimizer = torch.optim.Adam(
            self.numbers, rate, betas=rule.betas, weight_decay=rule.decay
        )
        x, y = task.arrays("val")
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        self.batch = min(batch, len(self.x))
        self.rng = rng_for(seed, "relax")
        self.waiting: list[int] = []

    def __call__(self, x: Tensor, y: Tensor, progress: float) -> Tensor:
        part = max(0.0, (progress - _WARM) / (1 - _WARM))  # of what the numbers have time for
        if part > 0 and self.numbers:
            if self.rule.second_order:
                rate = self.recipe.lr * one_cycle(progress, self.recipe.warmup)
                found = self._ahead(x, y, part, rate)
            else:
                found = self._here(x.device, part)
            for number, gradient in zip(self.numbers, found, strict=True):
                number.grad = gradient
            self.optimizer.step()
        return self._loss(x, y, self.rule.weights_mix(part), self.recipe.label_smoothing)

    def _here(self, device: torch.device, part: float) -> Sequence[Tensor]:
        """Gradients of the validation loss by the numbers."""
        return self._by(self._validation(device, part), self.numbers)

    def _ahead(self, x: Tensor, y: Tensor, part: float, rate: float) -> Sequence[Tensor]:
        """The same after a step of the weights that depends on the numbers, as in DARTS."""
        down = self._by(self._loss(x, y, self.rule.mix(part)), self.weights)
        before = [weight.detach().clone() for weight in self.weights]
        self._move(before, down, -rate)
        found = self._by(self._validation(x.device, part), [*self.numbers, *self.weights])
        direct, further = found[: len(self.numbers)], found[len(self.numbers) :]
        norm = torch.sqrt(sum((g.square().sum() for g in further), start=torch.zeros(())))
        reach = _REACH / max(float(norm), 1e-12)
        ends = []
        for sign in (1.0, -1.0):
            self._move(before, further, sign * reach)
            ends.append(self._by(self._loss(x, y, self.rule.mix(part)), self.numbers))
        self._move(before, further, 0.0)
        return [
            one - rate * (up - low) / (2 * reach)
            for one, up, low in zip(direct, *ends, strict=True)
        ]

    def _move(self, before: Sequence[Tensor], step: Sequence[Tensor], by: float) -> None:
        """Put the weights a step away from where they were."""
        with torch.no_grad():
            for weight, start, part in zip(self.weights, before, step, strict=True):
                weight.copy_(start).add_(part, alpha=by)

    def _validation(self, device: torch.device, part: float) -> Tensor:
        """The loss on a batch of the validation split, with all that is added to it."""
        if len(self.waiting) < self.batch:
            self.waiting = self.rng.permutation(len(self.x)).tolist()
        rows, self.waiting = self.waiting[: self.batch], self.waiting[self.batch :]
        x, y = self.x[rows].to(device).float(), self.y[rows].to(device)
        loss = self._loss(x, y, self.rule.mix(part)) + self.rule.penalty(part)
        if self.term is not None:
            loss = loss + self.term(self.rule.probabilities())
        return loss

    def _loss(self, x: Tensor, y: Tensor, mix: Mix, smoothing: float = 0.0) -> Tensor:
        return self.task.loss(self.net(x, mix).float(), y, smoothing)

    @staticmethod
    def _by(loss: Tensor, of: Sequence[Tensor]) -> Sequence[Tensor]:
        """Gradients; zero where the loss does not depend on something."""
        found = torch.autograd.grad(loss, of, allow_unused=True)
        return [
            torch.zeros_like(one) if gradient is None else gradient
            for one, gradient in zip(of, found, strict=True)
        ]
