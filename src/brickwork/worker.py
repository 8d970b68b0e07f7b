"""What a worker process does: the jobs of a study, with objects made once from its text."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
import torch

from brickwork import preparation, sharing
from brickwork.config import Context, Run
from brickwork.estimators.train import training_seed
from brickwork.nets.build import build, load_weights, weights_of
from brickwork.objective import broken
from brickwork.quantity import Quantity
from brickwork.space import Arch, Graph
from brickwork.tasks.judging import point, threshold_for
from brickwork.tasks.samples import load_saved
from brickwork.tasks.training import Amount, predict, prepare_process, train
from brickwork.trial import Proposal, rng_for

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork
    from brickwork.export.integer.quantizing import Judge
    from brickwork.tasks.task import Task

__all__ = ["Worker", "make"]

Job = Mapping[str, Any]
Result = dict[str, Any]

_CALIBRATION = 256  # training samples that set the ranges of an int8 file
_ROUNDING = 512  # validation samples by which ranges of activations are chosen
_TUNING = 2048  # training samples to train on with, where rounding costs too much
_GOLDEN = 8  # samples whose outputs are stored beside an exported model
_NUMBERS = 2**25  # in all samples that are judged by: of volumes there are fewer
_ACTIVE = 2**29  # in all activations of those that calibrate, which a quantiser keeps together
_BESIDE = 2**20  # numbers in what is stored beside a model


def make(run: Mapping[str, Any], data: str, shared: str) -> Callable[[Job], Result]:
    """The entry of a worker process.

    Args:
        run: The run, as JSON.
        data: Folder with the task as ``Task.save`` wrote it.
        shared: Folder in which trained supernets and suggestions lie.
    """
    prepare_process()
    return Worker(Context.of(Run.of(**run), load_saved(Path(data))), Path(shared))


class Worker:
    """Does jobs: ``prepare`` and ``estimate`` (the search), ``retrain``, ``test``, ``export``.

    Args:
        context: The objects of the run.
        shared: Where trained supernets and suggestions lie.
    """

    def __init__(self, context: Context, shared: Path) -> None:
        self.context = context
        self.shared = shared
        self.estimator = context.estimator
        self.search = sharing.estimator_of(context, shared)

    def __call__(self, job: Job) -> Result:
        started = time.process_time()
        does = {
            "prepare": self._prepare,
            "estimate": self._estimate,
            "retrain": self._retrain,
            "test": self._test,
            "export": self._export,
        }
        result = does[job.get("kind", "estimate")](job)
        return {"seconds": time.process_time() - started, **result}

    def _estimate(self, job: Job) -> Result:
        """Measure what must be measured, check the limits, then train."""
        arch = Arch.from_json(job["arch"])
        measured = self._measured(self.context.graph(arch))
        cause = broken(measured, self.context.limits)
        metrics = {name: q.to_json() for name, q in measured.items()}
        if cause:
            return {"metrics": metrics, "infeasible": cause}
        proposal = Proposal(arch, job["fidelity"], repetition=job["repetition"])
        found = self.search.estimate(proposal, job["checkpoint"])
        metrics |= {name: q.to_json() for name, q in found.metrics.items()}
        return {"metrics": metrics, "checkpoint": found.checkpoint}

    def _prepare(self, job: Job) -> Result:
        """What comes before the search."""
        return preparation.prepare(self.context, preparation.allowance(job, self.shared))

    def _measured(self, whole: Graph) -> dict[str, Quantity]:
        """Latency and energy in the runtime of this machine, if this machine is the target."""
        if not self.context.target.measurable:
            return {}
        from brickwork.devices.energy import energy
        from brickwork.devices.measure import measure_onnx
        from brickwork.export.onnx import random_weights, write_onnx

        weights = random_weights(whole, rng_for(self.context.run.seed, "weights"))
        latency = measure_onnx(write_onnx(whole, weights), whole.input)
        return {"latency_ms": latency, "energy_mj": energy(latency, self.context.target)}

    def _retrain(self, job: Job) -> Result:
        """Train with the full recipe on all data that are for it; the weights as bytes."""
        context, arch = self.context, Arch.from_json(job["arch"])
        whole = context.graph(arch)
        seed = training_seed(context.run.seed, arch, 1 + job["repetition"])
        size = sum(context.task.splits[split].size for split in context.run.learned)
        full = self.estimator.full(whole, size)
        amount = Amount.of(job["part"], full, size)
        recipe = self.estimator.recipe(arch, amount.epochs / full)
        warm = context.run.warm_start
        heir = sharing.inherited(context, self.shared, arch, job["repetition"]) if warm else None
        module = build(whole, torch.Generator().manual_seed(seed)) if heir is None else heir
        trained = train(
            module,
            context.form(arch),
            recipe,
            epochs=amount.epochs,
            seed=seed,
            splits=context.run.learned,
        )
        weights = safetensors.numpy.save(dict(weights_of(module)))
        facts = {"epochs": trained.epochs, "lr": recipe.lr, "warm": heir is not None}
        return {"weights": weights, **facts}

    def _test(self, job: Job) -> Result:
        """Score retrained weights on the test split."""
        arch = Arch.from_json(job["arch"])
        module = build(self.context.graph(arch))
        x, y = self.context.form(arch).arrays("test")
        scores = []
        for weights in job["weights"]:
            load_weights(module, safetensors.numpy.load(weights))
            scored = self.context.task.metrics(predict(module, x), y)
            scores.append({name: q.to_json() for name, q in scored.items()})
        return {"scores": scores}

    def _details(self, task: Task, said: Any, ask: Callable[[Any], Any]) -> dict[str, Any]:
        """What answers to the test split are worth in detail.

        Args:
            task: The data, in the form that the network takes.
            said: The answers.
            ask: Gives the answers to other samples.
        """
        _, y = task.arrays("test")
        details, wanted = task.details(said, y), self.context.run.sensitivity
        if wanted is not None and "points" in details:  # the validation split was not learned from
            x, held = task.arrays("val")
            threshold = threshold_for(wanted, ask(np.asarray(x)), held)
            details["points"] = [point(wanted, threshold, said, y)]
        return details

    def _export(self, job: Job) -> Result:
        """Write a model's folder, run every file in it, and score it on the test split."""
        from brickwork.export.artifacts import export_model
        from brickwork.export.formats import preferred
        from brickwork.export.verify import verify

        context, arch = self.context, Arch.from_json(job["arch"])
        whole, task = context.graph(arch), context.form(arch)
        weights = safetensors.numpy.load(job["weights"][0])
        tested = self._test(job)["scores"]
        x, y = task.arrays("test")
        seen, _ = task.arrays("train")
        rows = rng_for(context.run.seed, "calibration").permutation(len(seen))
        active = sum(math.prod(node.shape) for node in whole.nodes)
        rows = rows[: min(_CALIBRATION, max(2, _ACTIVE // active))]
        golden = max(1, _BESIDE // (math.prod(whole.input) + math.prod(whole.output)))
        folder = Path(job["folder"])
        target = context.target
        prefer = preferred(target.family, target.precision, target.engine)
        made = export_model(
            folder,
            whole,
            weights,
            formats=tuple(job["formats"]),
            calibration=np.asarray(seen[np.sort(rows)]),
            judge=self._judge(task, whole, weights),
            golden_inputs=np.asarray(x[: min(_GOLDEN, golden)]),
            info={**job["info"], "judge": dict(task.answers)},
            beside=task.files,
        )
        verified = verify(
            folder,
            whole,
            weights,
            np.asarray(x),
            y,
            task.metrics,
            prefer=prefer,
            integer=made.integer,
            costs=self._file_costs,
            details=partial(self._details, task),
        )
        return {"scores": tested, "verification": verified.to_json()}

    def _most(self, count: int, numbers: int = _NUMBERS) -> int:
        """So many samples, or fewer where they are large."""
        return min(count, max(2, numbers // math.prod(self.context.task.input)))

    def _file_costs(self, file: Path) -> dict[str, Quantity]:
        """What a model's file takes where the runtime interprets it: the real numbers."""
        if not self.context.target.has_arena or file.suffix != ".tflite":
            return {}
        from brickwork.devices.files import read_model
        from brickwork.devices.files.costs import file_memory

        return file_memory(read_model(file), self.context.target)

    def _judge(self, task: Task, whole: Graph, weights: Mapping[str, Any]) -> Judge:
        """Judges a quantised network on validation samples; of equal scores the nearest one wins.

        What is scored first is how often it is right, then how close it is to the float network.
        """
        from brickwork.export.integer.quantizing import Judge
        from brickwork.export.integer.reference import logits
        from brickwork.export.runtimes import run_torch

        seed = self.context.run.seed
        x, y = task.arrays("val")
        rows = rng_for(seed, "rounding").permutation(len(x))[: self._most(_ROUNDING)]
        x, y = np.asarray(x[rows]), y[rows]
        exact = run_torch(whole, weights, x)
        size = float(np.square(exact).mean()) or 1.0
        wanted = self.context.objectives[0].metric

        def score_of(found: Any) -> float:
            away = float(np.square(found - exact).mean()) / size
            metrics = task.metrics(found, y)
            first = metrics.get(wanted) or next(iter(metrics.values()))
            return first.value - 1e-3 * min(1.0, away)

        def score(network: IntegerNetwork) -> float:
            return score_of(logits(network, x))

        seen, _ = task.arrays("train")
        some = rng_for(seed, "tuning").permutation(len(seen))[: self._most(_TUNING, 8 * _NUMBERS)]
        samples = np.asarray(seen[np.sort(some)])

        def outputs(raw: Any) -> Any:
            return run_torch(whole, weights, raw)

        return Judge(score, score_of(exact), samples, outputs, seed)
