"""The training loop: one for every task, kept short so that it can be read in one go.

Networks of a few thousand weights on a CPU spend much of a step in overhead. So the data lies in
memory as one tensor and a batch is an index into it, augmentation is a few tensor operations on
the batch, the optimizer is fused, and nothing in a step waits for a number.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brickwork.errors import Diverged, TrainingError
from brickwork.nets.build import weights_of
from brickwork.nets.layers import Dropout
from brickwork.quantity import Quantity
from brickwork.tasks.task import Arrays, Task
from brickwork.tasks.training.recipe import Recipe, default_batch, one_cycle
from brickwork.trial import rng_for

__all__ = [
    "Epoch",
    "Trained",
    "best_device",
    "evaluate",
    "predict",
    "train",
]


Loss = Callable[[Tensor, Tensor, float], Tensor]
"""What is minimised in a step: of raw samples, labels, and the part of the training done so far."""

_AT_ONCE = 2**21  # numbers that go through a network together where nothing is learned
_PREPARED = 2**18  # numbers that are augmented at once: small ops are not worth a call each step


@dataclass(frozen=True, slots=True)
class Epoch:
    """What is known after an epoch.

    Attributes:
        number: From 1.
        of: How many are planned.
        loss: Mean training loss; augmented, smoothed.
        score: The task's quality on the validation split, where it was asked for.
        seconds: Since the start, interruptions not counted.
        checkpoint: Gives the bytes from which ``train`` goes on.
    """

    number: int
    of: int
    loss: float
    score: float | None
    seconds: float
    checkpoint: Callable[[], bytes] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Trained:
    """The outcome of a training.

    Attributes:
        state: Weights and running statistics by name.
        curve: Training loss of each epoch, and the validation score where it was asked for.
        seconds: Wall time, interruptions not counted.
        epochs: How many were done.
        ended: ``"done"``, ``"patience"`` or ``"stopped"``.
        checkpoint: From which ``train`` goes on.
    """

    state: dict[str, NDArray[Any]] = field(repr=False)
    curve: tuple[tuple[float, float | None], ...]
    seconds: float
    epochs: int
    ended: str
    checkpoint: bytes = field(repr=False)


def train(
    module: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    epochs: int,
    seed: int,
    splits: Sequence[str] = ("train",),
    checkpoint: bytes | None = None,
    device: str = "cpu",
    watch: bool = False,
    stop: Callable[[], bool] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    loss: Loss | None = None,
) -> Trained:
    """Train a network; the module is changed in place and holds the result.

    Args:
        module: A network for raw samples of the task, such as ``build`` makes.
        task: Where samples, augmentation and loss come from.
        recipe: How to train.
        epochs: How often every sample is seen in all, epochs in the checkpoint included.
        seed: Decides order, augmentation and dropout.
        splits: What to train on; ``("train", "val")`` for the final networks.
        checkpoint: To go on from; with as many ``epochs`` the result is that of an unbroken run,
            with more the learning rate goes on as in the longer schedule.
        device: ``"cpu"``, ``"cuda"`` (bfloat16 autocast), or ``"auto"`` for the best there is.
        watch: Whether to score the validation split after every epoch (a patience implies it).
        stop: Asked after every step; when it says True the training ends where it is.
        on_epoch: Told after every epoch.
        loss: What is minimised; by default the task's loss of what the network says.

    Returns:
        The best weights by validation score where there is a patience, else the last ones.

    Raises:
        Diverged: The loss became NaN or infinite.
        TrainingError: The network has no weights.
        ValueError: The checkpoint is of another training, or the validation split is trained on and
            watched.
    """
    watch = watch or recipe.patience > 0
    if watch and "val" in splits:
        raise ValueError("the validation split cannot both be trained on and say when to stop")
    run = _Run(module, task, recipe, epochs, seed, splits, best_device(device), loss)
    if checkpoint is not None:
        run.resume(checkpoint)
    validation = task.arrays("val") if watch else None
    started = time.perf_counter() - run.seconds
    ended = "done"
    while run.step < run.total and ended == "done":
        stopped = run.epoch(stop)
        run.seconds = time.perf_counter() - started
        if run.step % run.steps == 0:
            mean, score = run.close_epoch(validation)
            run.seconds = time.perf_counter() - started
            if on_epoch is not None:
                done = run.step // run.steps
                on_epoch(Epoch(done, epochs, mean, score, run.seconds, run.checkpoint))
            if recipe.patience and run.since_best() >= recipe.patience:
                ended = "patience"
        if stopped and run.step < run.total:
            ended = "stopped"
    saved = run.checkpoint()
    run.settle()
    curve = tuple(run.curve)
    return Trained(weights_of(module), curve, run.seconds, len(curve), ended, saved)


class _Run:
    """A training that can be interrupted after any step.

    Order and augmentation come from streams that are seeded with the number of the epoch and the
    place in it, so the state is small: weights, optimizer, step, and the stream of dropout.
    """

    def __init__(
        self,
        module: nn.Module,
        task: Task,
        recipe: Recipe,
        epochs: int,
        seed: int,
        splits: Sequence[str],
        device: torch.device,
        loss: Loss | None,
    ) -> None:
        self.module = module.to(device)
        self.objective = loss or self._plain
        self.task, self.recipe, self.seed, self.device = task, recipe, seed, device
        self.x, self.y = _tensors(task, splits, device)
        self.batch = min(recipe.batch or default_batch(len(self.x)), len(self.x))
        self.steps = len(self.x) // self.batch  # in an epoch; what is left over differs each time
        self.total = epochs * self.steps
        self.optimizer = _optimizer(module, recipe)
        self.stride = max(1, _PREPARED // (self.x[0].numel() * self.batch))
        self.dropout = self._random("dropout")
        for part in module.modules():
            if isinstance(part, Dropout):
                part.generator = self.dropout
        self.moving = [v for v in module.state_dict().values() if v.is_floating_point()]
        self.best: list[Tensor] = []
        self.step = 0
        self.loss = torch.zeros((), device=device)  # summed over the epoch
        self.curve: list[tuple[float, float | None]] = []
        self.seconds = 0.0

    def epoch(self, stop: Callable[[], bool] | None) -> bool:
        """Train to the end of the epoch, or until ``stop`` says so; returns whether it did."""
        number, first = divmod(self.step, self.steps)
        order = torch.randperm(len(self.x), generator=self._random(number, "order"))
        self.module.train()
        for start in range(first - first % self.stride, self.steps, self.stride):
            random = self._random(number, start)
            chosen = order[start * self.batch : (start + self.stride) * self.batch].to(self.device)
            x, y = self.task.augment(
                self.x[chosen].float(), self.y[chosen], self.recipe.augment, random
            )
            batches = zip(torch.split(x, self.batch), torch.split(y, self.batch), strict=True)
            for place, batch in enumerate(batches, start):
                if first <= place < self.steps:
                    self._learn(*batch)
                    if stop is not None and stop():
                        return True
        return False

    def _random(self, *purpose: str | int) -> torch.Generator:
        """A stream of its own for a purpose, so that none has to be saved."""
        seed = int(rng_for(self.seed, "training", *purpose).integers(2**62))
        return torch.Generator().manual_seed(seed)

    def _learn(self, x: Tensor, y: Tensor) -> None:
        """One step of the optimizer."""
        recipe, optimizer = self.recipe, self.optimizer
        lr = recipe.lr * one_cycle(self.step / self.total, recipe.warmup)
        for group in optimizer.param_groups:
            group["lr"] = lr
        with torch.autocast(self.device.type, torch.bfloat16, self.device.type == "cuda"):
            loss = self.objective(x, y, self.step / self.total)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.clip:
            nn.utils.clip_grad_norm_(self.module.parameters(), recipe.clip)
        optimizer.step()
        self.loss += loss.detach()
        self.step += 1

    def _plain(self, x: Tensor, y: Tensor, _: float) -> Tensor:
        return self.task.loss(self.module(x).float(), y, self.recipe.label_smoothing)

    def close_epoch(self, validation: Arrays | None) -> tuple[float, float | None]:
        """Record the epoch: its mean loss and, where asked for, the validation score."""
        loss = float(self.loss) / self.steps
        if not math.isfinite(loss):
            number = len(self.curve) + 1
            raise Diverged(f"the loss became {loss} in epoch {number}: lower the learning rate")
        self.loss.zero_()
        score = None
        if validation is not None:
            answers = predict(self.module, validation[0])
            score = self.task.metrics(answers, validation[1])[self.task.quality].value
        self.curve.append((loss, score))
        if self.recipe.patience and self.since_best() == 0:
            self.best = [v.clone() for v in self.moving]
        return loss, score

    def since_best(self) -> int:
        """How many epochs ago the validation score was best."""
        scores = [-math.inf if score is None else score for _, score in self.curve]
        return len(scores) - 1 - scores.index(max(scores))

    def settle(self) -> None:
        """Put the weights that are the result into the module."""
        _copy(self.best, self.moving)
        self.module.eval()

    def checkpoint(self) -> bytes:
        """All that ``resume`` needs, as bytes that are read without unpickling."""
        buffer = io.BytesIO()
        state = {
            "about": self._about(),
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "dropout": self.dropout.get_state(),
            "best": self.best,
            "loss": self.loss,
            "step": self.step,
            "curve": self.curve,
            "seconds": self.seconds,
        }
        torch.save(state, buffer)
        return buffer.getvalue()

    def resume(self, checkpoint: bytes) -> None:
        """Go on where ``checkpoint`` was made.

        Raises:
            ValueError: It is of another training.
        """
        saved = torch.load(io.BytesIO(checkpoint), map_location=self.device, weights_only=True)
        if saved["about"] != self._about():
            raise ValueError(
                f"the checkpoint is of another training: {saved['about']}, not {self._about()}"
            )
        self.module.load_state_dict(saved["module"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.dropout.set_state(saved["dropout"].cpu())
        self.best = saved["best"]
        self.loss = saved["loss"]
        self.step = saved["step"]
        self.curve = [tuple(entry) for entry in saved["curve"]]
        self.seconds = saved["seconds"]

    def _about(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to fit; the number of epochs need not be."""
        return {"recipe": asdict(self.recipe), "seed": self.seed, "samples": len(self.x)}


def predict(
    module: nn.Module, x: NDArray[Any], batch: int = 512, device: str = ""
) -> NDArray[np.float32]:
    """Logits ``(n, outputs)`` of raw samples ``(n, channels, *spatial)``, in evaluation mode.

    Args:
        module: The network; it is left in the mode that it was in.
        x: Samples, uint8 or float32.
        batch: How many at a time, at most; fewer of large ones.
        device: Where the network is; empty for where its first parameter is.
    """
    where = torch.device(device) if device else _device_of(module)
    batch = max(1, min(batch, _AT_ONCE // max(1, x[0].size)))
    was = module.training
    module.eval()
    parts: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(x), batch):
            part = torch.from_numpy(x[start : start + batch]).to(where).float()
            parts.append(module(part).float().cpu())
    module.train(was)
    answers: NDArray[np.float32] = torch.cat(parts).numpy()
    return answers


def evaluate(module: nn.Module, task: Task, split: str) -> dict[str, Quantity]:
    """The quality of a network on a split, by metric name."""
    x, y = task.arrays(split)
    return task.metrics(predict(module, x), y)


def best_device(name: str) -> torch.device:
    """The device of that name; ``"auto"`` is a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimizer in its fused form, without decay for norms and biases."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise TrainingError("the network has no weights to train")
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        sgd = torch.optim.SGD(
            groups, recipe.lr, recipe.momentum, nesterov=recipe.momentum > 0, fused=True
        )
        for p in parameters if recipe.momentum else ():
            # The fused form cannot begin with one later than with the others (torch 2.13), as in a
            # supernet, where a step may leave out some weights.
            sgd.state[p]["momentum_buffer"] = torch.zeros_like(p)
        return sgd
    return torch.optim.AdamW(groups, recipe.lr, betas=(recipe.momentum, 0.999), fused=True)


def _tensors(task: Task, splits: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor]:
    """Samples and labels of some splits, one after the other; mapped memory stays mapped."""
    arrays = [task.arrays(split) for split in splits]
    x = [torch.from_numpy(x) for x, _ in arrays]
    y = [torch.from_numpy(y) for _, y in arrays]
    if len(arrays) == 1:
        return x[0].to(device), y[0].to(device)
    return torch.cat(x).to(device), torch.cat(y).to(device)


def _device_of(module: nn.Module) -> torch.device:
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def _copy(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    for a, b in zip(source, target, strict=False):
        b.detach().copy_(a)
