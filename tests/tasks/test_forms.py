"""Samples of several forms: images of several sizes, sounds through several front ends."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import brickwork
from brickwork.config import Context, Run, task_for
from brickwork.errors import DataError, SpaceError
from brickwork.names import REFERENCES, SPACES, STRATEGIES, make_space
from brickwork.space import Shape, graph
from brickwork.tasks.image import image_inputs, load_images
from brickwork.tasks.image.prepare import prepare
from brickwork.tasks.samples import load_saved
from brickwork.tasks.sound import load_sounds
from brickwork.tasks.sound.front_end import forms_of
from brickwork.trial import rng_for


def pictures(count: int = 90, size: Shape = (48, 50), kind: str = "uint8") -> tuple[Any, Any]:
    """Bars that lie or stand, on noise."""
    rng = rng_for(0, "pictures")
    x = rng.integers(0, 60, (count, *size))
    for i in range(count):
        row, column = rng.integers(2, 20, 2)
        height, width = ((20, 6), (6, 20))[i % 2]
        x[i, row : row + height, column : column + width] += 120
    return x.astype(kind), np.arange(count) % 2


def clips(count: int = 40) -> dict[str, Any]:
    rng = rng_for(0, "clips")
    at = np.arange(2400) / 8000
    tones = [np.sin(2 * np.pi * (400 + 900 * (i % 2)) * at) for i in range(count)]
    noisy = [0.4 * tone + 0.02 * rng.standard_normal(len(at)) for tone in tones]
    return {"x": noisy, "y": np.arange(count) % 2, "rate": 8000}


def run(**values: Any) -> Run:
    return Run.of(data="given", target="stm32f746", **values)


def test_large_images_may_go_in_smaller():
    task = load_images(pictures())
    assert task.forms == ("48x50", "24x25")
    small = task.in_form("24x25")
    assert (task.input, small.input) == ((1, 48, 50), (1, 24, 25))
    for split in task.splits:
        (x, y), (z, same) = task.arrays(split), small.arrays(split)
        assert np.array_equal(y, same)
        assert z.dtype == np.uint8
        assert z[0, 0, 3, 4] == round(float(x[0, 0, 6:8, 8:10].mean()))
    assert load_images(pictures(size=(40, 60))).forms == ()
    assert load_images(pictures(size=(100, 120))).forms == ("100x120", "50x60", "25x30")


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_the_file_beside_a_model_makes_its_input(kind):
    images, _ = pictures(kind=kind)
    task = load_images((images, np.arange(90) % 2))
    small = task.in_form("24x25")
    about = json.loads(small.files["prepare.json"])
    made = prepare(task.arrays("val")[0], about)
    assert np.array_equal(made, small.arrays("val")[0])
    assert np.array_equal(
        prepare(images, about), prepare(images[:, None], about)
    )  # without channels
    assert "prepare.py" not in task.files


def test_what_is_opened_of_one_form_is_opened_of_all(tmp_path):
    task = load_images(pictures())
    task.save(tmp_path / "data")
    for one in (task, load_saved(tmp_path / "data")):
        one.in_form("24x25").arrays("test")
        assert one.opened == ["test"]
        assert one.forms == ("48x50", "24x25")
    saved = load_saved(tmp_path / "data")
    assert saved.in_form("24x25").splits == task.in_form("24x25").splits
    assert saved.in_form("") is saved
    with pytest.raises(ValueError, match=r"no form '12x12': there are 48x50, 24x25"):
        saved.in_form("12x12")


def test_why_a_task_was_taken_is_a_note_of_each_form():
    task = task_for(run(), pictures())
    for form in task.forms:
        assert task.in_form(form).notes[0].startswith("image-classification, because")


def test_every_combination_of_front_ends_is_a_form():
    task = load_sounds(clips(), front_end="window=32ms, hop=10ms|20ms, mels=16|20")
    assert task.forms == tuple(f"hop={h}ms,mels={m}" for h in (10, 20) for m in (16, 20))
    shapes = [task.in_form(form).input for form in task.forms]
    assert shapes == [(1, 28, 16), (1, 28, 20), (1, 14, 16), (1, 14, 20)]
    hops = {json.loads(task.in_form(form).files["prepare.json"])["hop"] for form in task.forms}
    assert hops == {80, 160}
    one = load_sounds(clips(), front_end="window=32ms,hop=20ms,mels=16")
    assert one.splits == task.in_form("hop=20ms,mels=16").splits


@pytest.mark.parametrize("text", ["", "hop=10ms", "window=25ms,hop=20ms,length=1s,mels=32"])
def test_one_front_end_is_no_decision(text):
    ((form, settings),) = forms_of(text)
    assert (form, settings) == ("", text)
    assert load_sounds(clips(), front_end=settings).forms == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hop=10ms|,mels=20", r"cannot read 'hop=10ms\|'"),
        ("hop=10ms|20,mels=20", "cannot read 'hop=20'"),
        ("mels=" + "|".join(map(str, range(8, 25))), "are 17 front ends, at most 16"),
        ("hop=10ms|80ms", "give 4 frames, 8 to 1000 are needed"),
    ],
)
def test_front_ends_that_cannot_be(text, message):
    with pytest.raises(DataError, match=message) as raised:
        load_sounds(clips(), front_end=text)
    assert "\n" not in str(raised.value)


def test_the_form_is_a_decision_with_its_own_costs():
    context = Context.of(run(), load_images(pictures()))
    assert context.space.decision("recipe.form").options == ("48x50", "24x25")
    arch = context.space.arch()
    choices = dict(arch.choices)
    large, small = (context.space.arch({**choices, "recipe.form": f}) for f in ("48x50", "24x25"))
    assert context.graph(large).input == (1, 48, 50)
    assert context.graph(small).input == (1, 24, 25)
    macs = [context.known(one)["macs"].value for one in (large, small)]
    assert macs[1] < 0.3 * macs[0]
    assert context.known(large)["parameters"] == context.known(small)["parameters"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_where_weights_are_shared_samples_have_one_form(strategy):
    one = {"one-shot", "fair", "sandwich", "ofa", "zero-cost"}
    gradient = {"darts", "darts2", "pc-darts", "gdas", "drnas", "beta-darts", "proxyless"}
    context = Context.of(run(strategy=strategy), load_images(pictures()))
    searched = "recipe.form" in {decision.name for decision in context.space.decisions()}
    assert searched == (strategy not in one | gradient)


@pytest.mark.parametrize("name", [name for name in SPACES if name not in REFERENCES])
def test_a_space_for_images_takes_them_smaller(name):
    try:
        space = make_space(name, (3, 100, 100), {})
        whole = graph(space, space.arch(), (3, 100, 100), 5)
    except SpaceError:
        return  # for other samples
    if whole.output != (5,):
        return  # for masks, whose images have one size
    rng = rng_for(0, name)
    for arch in [*space.extremes(), *[space.sample(rng) for _ in range(6)]]:
        for side in (100, 50, 25):
            assert graph(space, arch, (3, side, side), 5).output == (5,)


def test_a_search_over_sizes_is_whole(tmp_path):
    """Each model has the size that was chosen for it, in its files and when the study is read."""
    study = brickwork.search(
        pictures(),
        target="stm32f746",
        budget="25s",
        seed=3,
        strategy="random",
        max_trials=6,
        limits=("macs<=1M",),
        study=tmp_path / "study",
        inline=True,
    )
    sizes = {study.space.recipe(trial.proposal.arch)["form"] for trial in study.trials()}
    assert sizes == {"48x50", "24x25"}
    assert study.models
    for model in study.models:
        form = study.space.recipe(model.arch)["form"]
        side = tuple(map(int, str(form).split("x")))
        assert model.graph().input == (1, *side)
        assert study.graph(model.arch).hash == model.graph().hash
        assert (model.folder / "prepare.py").is_file() == (form == "24x25")
        assert f"form {form}" in (model.folder / "card.md").read_text()
        assert np.load(model.folder / "golden.npz")["inputs"].shape[1:] == (1, *side)


def test_later_images_are_taken_as_they_were_given():
    x, _ = pictures()
    small = load_images(pictures()).in_form("24x25")
    about = json.loads(small.files["prepare.json"])
    assert np.array_equal(image_inputs(x, about, small.input), prepare(x, about))
    with pytest.raises(DataError, match=r"those of the training \(1, 48, 50\)"):
        image_inputs(x[:, :47], about, small.input)


def test_means_are_rounded_only_where_training_had_bytes():
    """Few integers of a wide type may look like bytes."""
    x, y = pictures(kind="int64")
    for wide in (False, True):
        x[0, 0, 0] = 1000 if wide else 0
        small = load_images((x, y)).in_form("24x25")
        made = prepare(x[1:], json.loads(small.files["prepare.json"]))
        assert made.dtype.kind == ("f" if wide else "i")
        assert bool((made % 1).any()) == wide
