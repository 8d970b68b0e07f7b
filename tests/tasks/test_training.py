"""The training loop."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from brickwork.errors import Diverged, TrainingError
from brickwork.nets import build, weights_of
from brickwork.space import (
    Arch,
    ConvNorm,
    Dropout,
    Flatten,
    GlobalPool,
    Identity,
    Linear,
    Seq,
    Space,
    graph,
)
from brickwork.space.blocks import Block
from brickwork.tasks.image import load_images
from brickwork.tasks.samples import DataTask
from brickwork.tasks.training import (
    Epoch,
    Recipe,
    evaluate,
    full_epochs,
    one_cycle,
    predict,
    train,
)
from brickwork.tasks.training.loop import _optimizer

NET = Seq(
    Seq(ConvNorm(8), name="a"),
    Seq(ConvNorm(12, 3, 2), Dropout(0.1), name="b"),
    Seq(GlobalPool(), Linear(), name="c"),
)


@pytest.fixture(scope="module")
def whole() -> DataTask:
    return load_images("digits")


@pytest.fixture
def task(whole: DataTask) -> DataTask:
    """A small part of the digits."""
    data = {split: (x[:150], y[:150]) for split, (x, y) in whole.data.items()}
    return replace(whole, data=data, opened=[])


def net(task: DataTask, body: Block = NET, seed: int = 0) -> nn.Module:
    whole = graph(Space("t", body), Arch.of("t", {}), task.input, task.outputs, task.normalize)
    return build(whole, torch.Generator().manual_seed(seed))


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


class After:
    """Says stop after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def test_a_small_network_learns_the_digits(whole: DataTask) -> None:
    module = net(whole)
    trained = train(module, whole, Recipe(batch=32, augment=0.0), epochs=6, seed=0)
    assert (trained.ended, trained.epochs, len(trained.curve)) == ("done", 6, 6)
    assert trained.curve[-1][0] < trained.curve[0][0]
    assert evaluate(module, whole, "val")["accuracy"].value > 0.85
    assert same(trained.state, weights_of(module))
    assert "test" not in whole.opened


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_seed_decides_everything(task: DataTask, optimizer: str) -> None:
    before = torch.get_rng_state()
    recipe = Recipe(optimizer=optimizer)
    one, again, other = (train(net(task), task, recipe, epochs=2, seed=seed) for seed in (1, 1, 2))
    assert same(one.state, again.state)
    assert one.curve == again.curve
    assert not same(one.state, other.state)
    assert torch.equal(torch.get_rng_state(), before)


RECIPES = {
    "adamw": Recipe(batch=32, augment=0.5),
    "sgd": Recipe(optimizer="sgd", lr=0.1, batch=32, augment=0.5),
    "patience": Recipe(batch=32, patience=3),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
@pytest.mark.parametrize("steps", [1, 4, 6, 8])
def test_a_resumed_training_equals_an_unbroken_one(
    task: DataTask, recipe: Recipe, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four steps an epoch, two of them prepared at once: the break comes in every place.
    monkeypatch.setattr("brickwork.tasks.training.loop._PREPARED", 64 * 64)
    unbroken = train(net(task), task, recipe, epochs=3, seed=5)
    first = train(net(task), task, recipe, epochs=3, seed=5, stop=After(steps))
    assert first.ended == "stopped"
    rest = train(net(task, seed=9), task, recipe, epochs=3, seed=5, checkpoint=first.checkpoint)
    assert same(rest.state, unbroken.state)
    assert rest.curve == unbroken.curve
    assert rest.epochs == unbroken.epochs


def test_a_training_can_be_resumed_after_every_epoch(task: DataTask) -> None:
    kept: list[bytes] = []
    recipe = Recipe(batch=64)
    unbroken = train(
        net(task), task, recipe, epochs=3, seed=5, on_epoch=lambda e: kept.append(e.checkpoint())
    )
    assert len(kept) == 3
    for checkpoint in kept:
        module = net(task, seed=7)
        rest = train(module, task, recipe, epochs=3, seed=5, checkpoint=checkpoint)
        assert same(rest.state, unbroken.state)


def test_a_finished_training_can_go_on_for_longer(task: DataTask) -> None:
    recipe = Recipe(batch=64)
    short = train(net(task), task, recipe, epochs=2, seed=5)
    longer = train(net(task), task, recipe, epochs=4, seed=5, checkpoint=short.checkpoint)
    assert longer.epochs == 4
    assert longer.curve[:2] == short.curve
    assert longer.seconds > short.seconds


def test_a_checkpoint_needs_no_unpickling(task: DataTask) -> None:
    recipe = Recipe(patience=2)
    trained = train(net(task), task, recipe, epochs=1, seed=0)
    assert torch.load(io.BytesIO(trained.checkpoint), weights_only=True)["step"] > 0


@pytest.mark.parametrize("change", ["recipe", "seed", "splits"])
def test_a_checkpoint_of_another_training_is_refused(task: DataTask, change: str) -> None:
    first = train(net(task), task, Recipe(), epochs=1, seed=0)
    recipe = Recipe(lr=0.03) if change == "recipe" else Recipe()
    splits = ("train", "val") if change == "splits" else ("train",)
    with pytest.raises(ValueError, match="another training"):
        train(
            net(task), task, recipe, epochs=1, seed=int(change == "seed"), splits=splits,
            checkpoint=first.checkpoint,
        )  # fmt: skip


def test_validation_can_be_trained_on_but_then_not_watched(task: DataTask) -> None:
    seen: list[Epoch] = []
    splits = ("train", "val")
    train(net(task), task, Recipe(), epochs=1, seed=0, splits=splits, on_epoch=seen.append)
    assert task.opened == ["train", "val"]
    assert seen[0].score is None
    with pytest.raises(ValueError, match="cannot both be trained on"):
        train(net(task), task, Recipe(patience=2), epochs=1, seed=0, splits=splits)


def test_epochs_are_reported(task: DataTask) -> None:
    seen: list[Epoch] = []
    trained = train(net(task), task, Recipe(), epochs=3, seed=0, watch=True, on_epoch=seen.append)
    assert [(epoch.number, epoch.of) for epoch in seen] == [(1, 3), (2, 3), (3, 3)]
    assert [(epoch.loss, epoch.score) for epoch in seen] == list(trained.curve)
    assert all(0 <= epoch.score <= 1 for epoch in seen if epoch.score is not None)
    assert 0 < seen[0].seconds < seen[1].seconds < seen[2].seconds <= trained.seconds


def test_patience_ends_the_training_with_the_best_weights(task: DataTask) -> None:
    # Such a small step never changes an answer, so the first epoch stays the best.
    recipe = Recipe(lr=1e-12, patience=2, augment=0.0)
    kept: list[dict[str, Any]] = []
    module = net(task, Seq(Flatten(), Linear()))
    trained = train(
        module, task, recipe, epochs=20, seed=0, on_epoch=lambda _: kept.append(weights_of(module))
    )
    assert (trained.ended, trained.epochs) == ("patience", 3)
    assert same(trained.state, kept[0])
    scores = [score for _, score in trained.curve]
    assert evaluate(module, task, "val")["accuracy"].value == max(
        s for s in scores if s is not None
    )


def test_a_loss_that_is_not_finite_ends_the_training(task: DataTask) -> None:
    module = net(task, Seq(Flatten(), Linear()))
    with pytest.raises(Diverged, match=r"loss became .* in epoch \d"):
        train(module, task, Recipe(lr=1e38), epochs=3, seed=0)


def test_a_network_without_weights_cannot_be_trained(task: DataTask) -> None:
    with pytest.raises(TrainingError, match="no weights"):
        train(net(task, Seq(GlobalPool(), Identity())), task, Recipe(), epochs=1, seed=0)


def test_norms_and_biases_are_not_decayed(task: DataTask) -> None:
    module = net(task)
    for optimizer in ("adamw", "sgd"):
        groups = _optimizer(module, Recipe(optimizer=optimizer, weight_decay=0.3)).param_groups
        decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
        for name, parameter in module.named_parameters():
            expected = 0.3 if name.endswith(("conv.weight", "linear.weight")) else 0.0
            assert decay[id(parameter)] == expected, name


def test_fewer_samples_than_a_batch_are_one_batch(task: DataTask) -> None:
    few = replace(task, data={s: (x[:20], y[:20]) for s, (x, y) in task.data.items()})
    assert train(net(few), few, Recipe(batch=64), epochs=2, seed=0).epochs == 2


def test_a_shorter_training_takes_larger_steps() -> None:
    recipe = Recipe(lr=0.02, augment=0.3)
    assert recipe.shortened(1.0) == recipe
    assert recipe.shortened(0.25) == Recipe(lr=0.04, augment=0.3)
    assert recipe.shortened(0.001).lr == 0.1
    assert Recipe(lr=0.3).shortened(0.25).lr == 0.3  # what was asked for is never lowered


@pytest.mark.parametrize("field", ["lr", "weight_decay", "label_smoothing", "augment", "batch"])
def test_every_setting_of_the_recipe_matters(task: DataTask, field: str) -> None:
    other = Recipe.of({field: {"batch": 25}.get(field, 0.3)})
    one = train(net(task), task, Recipe(), epochs=2, seed=0)
    assert not same(one.state, train(net(task), task, other, epochs=2, seed=0).state)


def test_a_clipped_gradient_is_a_smaller_step(task: DataTask) -> None:
    start = weights_of(net(task))

    def moved(clip: float) -> float:
        recipe = Recipe(optimizer="sgd", momentum=0.0, weight_decay=0.0, clip=clip, warmup=0.0)
        state = train(net(task), task, recipe, epochs=1, seed=0, stop=After(1)).state
        return sum(float(np.square(state[k] - start[k]).sum()) for k in state if "running" not in k)

    assert moved(1e-3) ** 0.5 == pytest.approx(1e-3 * Recipe().lr, rel=0.01)
    assert moved(0.0) > moved(1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lrr": 0.1}, "unknown recipe fields.*'lrr'.*known are optimizer, lr"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion': adamw and sgd"),
        ({"lr": 0.0}, "learning rate must be above 0"),
        ({"augment": 1.5}, "augment lies in 0..1, got 1.5"),
        ({"weight_decay": -1.0}, "weight_decay cannot be negative"),
    ],
)
def test_recipes_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.of(settings)


def test_a_recipe_takes_what_is_given_and_defaults() -> None:
    assert Recipe.of({"lr": 0.03, "augment": 0.0}) == Recipe(lr=0.03, augment=0.0)
    assert Recipe.of({}) == Recipe()


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [one_cycle(i / 100, 0.25) for i in range(100)]
    assert rates[0] < 0.1
    assert rates.index(max(rates)) == 25
    assert max(rates) == pytest.approx(1.0)
    assert all(a < b for a, b in itertools.pairwise(rates[:26]))
    assert all(a > b for a, b in itertools.pairwise(rates[25:]))
    assert rates[-1] < 0.01
    assert one_cycle(0.0, 0.0) == pytest.approx(1.0)


def test_predictions_do_not_depend_on_the_batch_and_keep_the_mode(task: DataTask) -> None:
    module = net(task)
    x, _ = task.arrays("val")
    module.train()
    whole = predict(module, x)
    assert module.training
    np.testing.assert_allclose(predict(module, x, batch=7), whole, rtol=1e-4, atol=1e-5)
    assert (whole.shape, whole.dtype) == ((len(x), 10), np.float32)


def test_evaluation_is_the_accuracy_of_the_answers(task: DataTask) -> None:
    module = net(task)
    x, y = task.arrays("val")
    expected = (predict(module, x).argmax(1) == y).mean()
    assert evaluate(module, task, "val")["accuracy"].value == expected


def test_how_long_a_full_training_is() -> None:
    assert full_epochs(1400, 1000, 1000) == 100
    assert full_epochs(4700, 1000, 1000) == pytest.approx(38, abs=3)
    assert 12 <= full_epochs(60_000, 1000, 1000) <= 15
    assert full_epochs(100, 1000, 1000) == 150
    assert full_epochs(10**8, 1000, 1000) == 12


@pytest.mark.parametrize("samples", [500, 5000, 50_000])
def test_cheaper_networks_are_never_trained_for_less(samples: int) -> None:
    lengths = [full_epochs(samples, macs, 10**6) for macs in (10**7, 10**6, 10**5, 10**4, 0)]
    assert lengths == sorted(lengths)
    assert lengths[0] == lengths[1]
    assert lengths[-1] > lengths[1]


def probe(task: DataTask, device: str) -> Callable[[], Any]:
    return lambda: train(net(task), task, Recipe(), epochs=1, seed=0, device=device)


def test_the_best_device_can_be_asked_for(task: DataTask) -> None:
    assert probe(task, "auto")().epochs == 1


@pytest.mark.gpu
def test_training_on_a_gpu_learns(whole: DataTask) -> None:
    module = net(whole)
    train(module, whole, Recipe(batch=32, augment=0.0), epochs=6, seed=0, device="cuda")
    assert evaluate(module, whole, "val")["accuracy"].value > 0.85
