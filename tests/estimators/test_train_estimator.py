"""Fidelity is compute: fewer epochs, and below the fewest of them fewer samples."""

from __future__ import annotations

import numpy as np
import pytest

from brickwork.config import Context, Run, task_for
from brickwork.estimators.train import Sample, TrainEstimator, training_seed
from brickwork.tasks.training import Amount, Recipe, Trained
from brickwork.trial import Proposal, rng_for


@pytest.fixture(scope="module")
def context() -> Context:
    run = Run.of(data="digits", target="stm32f746", objectives=("accuracy", "parameters"))
    return Context.of(run, task_for(run))


def estimator(context: Context, scale: float) -> TrainEstimator:
    return TrainEstimator(
        context.task, context.space, context.graph, context.typical_macs, 0, scale
    )


def test_a_sample_keeps_the_share_of_every_class(context: Context) -> None:
    _, whole = context.task.arrays("train")
    x, y = Sample(context.task, 0.5, rng_for(0, "s")).arrays("train")
    assert len(x) == len(y)
    shares = np.bincount(y) / np.bincount(whole)
    assert np.all(np.abs(shares - 0.5) < 0.02)
    few = Sample(context.task, 0.001, rng_for(0, "s")).arrays("train")[1]
    assert np.bincount(few).tolist() == [1] * 10
    part = Sample(context.task, 0.5, rng_for(0, "s"))
    assert part.outputs == context.task.outputs
    assert part.arrays("val")[0] is context.task.arrays("val")[0]


def test_more_fidelity_is_more_compute_and_the_same_seed_the_same_score(context: Context) -> None:
    arch = context.space.arch({"stem.width": 8})
    made = estimator(context, 0.015)
    low, high = (made.estimate(Proposal(arch, f), None) for f in (1 / 3, 1.0))
    assert low.notes["epochs"] == high.notes["epochs"] == 3  # the samples differ, not the epochs
    assert low.metrics["accuracy"].value <= high.metrics["accuracy"].value + 0.05
    again = made.estimate(Proposal(arch, 1 / 3), None)
    assert again.metrics == low.metrics
    assert training_seed(0, arch, 0) != training_seed(0, arch, 1)


def test_a_repetition_has_a_seed_of_its_own_also_beside_the_final_trainings(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    import brickwork.estimators.train as module

    seeds = []

    def noted(*_: object, seed: int, **__: object) -> Trained:
        seeds.append(seed)
        return Trained({}, (), 0.0, 1, "done", b"")

    monkeypatch.setattr(module, "train", noted)
    arch = context.space.arch({"stem.width": 8})
    for repetition in (0, 1, 2, 1):
        estimator(context, 0.015).estimate(Proposal(arch, repetition=repetition), None)
    assert seeds[1] == seeds[3]
    final = {training_seed(0, arch, 1 + i) for i in range(4)}
    assert len({*seeds, *final}) == 3 + 4


def test_few_samples_are_trained_on_with_the_batch_of_all() -> None:
    """Else a short training would take other steps than a long one, and more time for them."""
    x = rng_for(0, "x").integers(0, 255, (40_000, 8, 8)).astype(np.uint8)
    y = np.arange(40_000) % 2
    run = Run.of(data="many", target="stm32f746", scale=0.03)
    context = Context.of(run, task_for(run, {"X": x, "y": y}))
    recipe = context.estimator.recipe(context.space.arch())
    assert recipe.batch == 128
    small = Run.of(data="digits", target="stm32f746")
    assert Context.of(small, task_for(small)).estimator.recipe(context.space.arch()).batch == 64


def test_a_first_look_learns_faster_than_a_full_training(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By as much as it has fewer steps: else the search would choose rates for short trainings."""
    rates = []

    def spy(module: object, task: object, recipe: Recipe, **settings: object) -> Trained:
        rates.append(recipe.lr)
        return Trained({}, (), 0.0, 1, "done", b"")

    monkeypatch.setattr("brickwork.estimators.train.train", spy)
    arch = context.space.arch({"recipe.lr": 0.01})
    made = estimator(context, 0.5)
    for fidelity in (1.0, 0.125):
        made.estimate(Proposal(arch, fidelity), None)
    assert rates == pytest.approx([0.01 * 2**0.5, 0.04], rel=0.05)


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_the_amount_grows_with_the_fidelity(context: Context, scale: float) -> None:
    whole = context.graph(context.space.arch())
    made = estimator(context, scale)
    amounts = [made.amount(whole, fidelity) for fidelity in (0.001, 0.02, 0.1, 0.5, 1.0)]
    passes = [amount.passes for amount in amounts]
    assert passes == sorted(passes)
    assert amounts[0].epochs == 3
    assert amounts[0].share == pytest.approx(256 / 1079, rel=0.05)  # fewer samples tell nothing
    full = made.full(whole, 1079)
    assert full >= 100
    assert passes[-1] == pytest.approx(scale * full, rel=0.01)


@pytest.mark.parametrize(("samples", "epochs"), [(36, 6), (255, 6), (256, 3), (1079, 3)])
def test_few_samples_are_seen_more_often(samples: int, epochs: int) -> None:
    assert Amount.of(0.001, 150, samples).epochs == epochs
    assert Amount.of(1.0, 150, samples).epochs == 150
