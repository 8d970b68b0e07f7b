"""A network that was trained several times counts by the mean, wherever a front is read off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from brickwork.averaging import mean_trials
from brickwork.engine.store import Store
from brickwork.errors import BrickworkError
from brickwork.final import candidates, corrected
from brickwork.leading import leading
from brickwork.objective import Objective
from brickwork.quantity import How, Quantity
from brickwork.space import Arch
from brickwork.study import Front, Model
from brickwork.trial import Proposal, State, Trial

OBJECTIVES = (Objective("accuracy"), Objective("parameters"))


def trial(
    number: int, name: str, accuracy: float, size: int, fidelity: float = 1.0, repetition: int = 0
) -> Trial:
    metrics = {
        "accuracy": Quantity(accuracy, "fraction", How.MEASURED, 0.01, "validation"),
        "parameters": Quantity(size, "", How.COUNTED, None, "all"),
    }
    proposal = Proposal(Arch.of("toy", {"name": name}), fidelity, None, repetition)
    return Trial(number, proposal, State.DONE, metrics)


TRIALS = (
    trial(0, "lucky", 0.70, 100),
    trial(1, "sound", 0.90, 100),
    trial(2, "lucky", 0.71, 100, repetition=1),
    trial(3, "lucky", 0.95, 100, repetition=2),
    trial(4, "small", 0.60, 10),
    trial(5, "small", 0.80, 10, repetition=1),
)


def named(trials: list[Trial]) -> dict[str, float]:
    return {
        str(t.proposal.arch.choices[0][1]): round(t.metrics["accuracy"].value, 6) for t in trials
    }


def test_the_mean_of_several_trainings():
    found = mean_trials(TRIALS)
    assert [t.number for t in found] == [0, 1, 4]
    assert named(found) == {"lucky": 0.786667, "sound": 0.90, "small": 0.70}
    assert "mean of 3 trainings" in found[0].metrics["accuracy"].source
    assert found[0].metrics["parameters"].value == 100
    assert found[1] is TRIALS[1]


def test_fidelities_are_not_mixed():
    low = trial(6, "lucky", 0.5, 100, fidelity=0.25)
    assert len(mean_trials([*TRIALS, low])) == 4


@pytest.mark.parametrize("order", [1, -1])
def test_the_luckiest_of_several_trainings_does_not_lead(order):
    """Neither the best training of a network nor its last one speaks for it."""
    found = candidates(corrected(TRIALS[::order]), OBJECTIVES)
    assert named(found) == {"small": 0.70, "sound": 0.90}


def test_nor_in_a_study_that_runs(tmp_path: Path):
    with Store.create(tmp_path / "study", {}) as store:
        assert leading(store, OBJECTIVES) == []
        for one in TRIALS:
            store.propose([one])
            losses = (-one.metrics["accuracy"].value, one.metrics["parameters"].value)
            store.finish(one, losses)
        assert sorted(t.number for t in store.repeated()) == [0, 2, 3, 4, 5]
        assert named(leading(store, OBJECTIVES)) == {"small": 0.70, "sound": 0.90}


def test_what_a_lucky_training_hid_comes_forward(tmp_path: Path):
    hidden = (
        trial(0, "lucky", 0.95, 100),
        trial(1, "hidden", 0.90, 100),
        trial(2, "lucky", 0.75, 100, repetition=1),
    )
    with Store.create(tmp_path / "study", {}) as store:
        for one in hidden:
            store.propose([one])
            store.finish(one, (-one.metrics["accuracy"].value, one.metrics["parameters"].value))
        assert named(leading(store, OBJECTIVES)) == {"hidden": 0.90}


def test_a_gain_of_training_is_that_of_the_mean():
    looks = [trial(7, "lucky", 0.5, 100, fidelity=0.25), trial(8, "sound", 0.5, 100, fidelity=0.25)]
    found = {t.number: t for t in corrected([*looks, *TRIALS])}
    gain = ((0.213333 / 0.5) * (0.1 / 0.5)) ** 0.5
    assert found[7].metrics["accuracy"].value == pytest.approx(1 - gain * 0.5, abs=1e-4)


def test_a_first_training_that_is_beaten_counts_too(tmp_path: Path):
    """It stands on no front, and its network is the better for it if it is forgotten."""
    trials = (
        trial(0, "lucky", 0.80, 100),
        trial(1, "sound", 0.90, 100),
        trial(2, "lucky", 0.95, 100, repetition=1),
        replace(trial(3, "lucky", 0.1, 100, repetition=2), state=State.FAILED, metrics={}),
    )
    with Store.create(tmp_path / "study", {}) as store:
        for one in trials:
            store.propose([one])
            scored = one.scored
            losses = (-one.metrics["accuracy"].value, 100.0) if scored else None
            store.finish(one, losses)
        assert named(leading(store, OBJECTIVES)) == {"sound": 0.90}


def test_what_no_model_keeps_names_the_nearest():
    models = [
        Model(Path(), name, t.proposal.arch, t.metrics, {}, {}, (), t.number, {}, "")
        for name, t in zip("abc", (TRIALS[1], TRIALS[4], TRIALS[0]), strict=True)
    ]
    front = Front(models, OBJECTIVES)
    assert front.best(parameters=50).id == "b"
    with pytest.raises(BrickworkError, match=r"keeps parameters<=5: the nearest of its 3, b, has"):
        front.best(parameters=5)
    with pytest.raises(BrickworkError, match=r"latency_ms<=1: .* has none known"):
        front.best(latency_ms=1)
    with pytest.raises(BrickworkError, match="the front has no model"):
        Front([], OBJECTIVES).best()
