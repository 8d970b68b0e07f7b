"""What a view of the front holds: one kind of knowledge an axis, and the right staircase."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.objective import front
from brickwork.quantity import METRICS, How, Quantity
from brickwork.report.front import Point, knee, staircase, views

_HOW = st.sampled_from([str(how) for how in How])
_COST = "latency_ms"


def _item(value, score, how, score_how):
    return {
        "metrics": {
            _COST: {"value": value, "unit": "ms", "how": how, "spread": None, "source": ""},
            "accuracy": {
                "value": score,
                "unit": "fraction",
                "how": score_how,
                "spread": None,
                "source": "",
            },
        }
    }


_ITEMS = st.lists(
    st.builds(_item, st.floats(0.1, 100), st.floats(0.1, 1.0), _HOW, _HOW), max_size=6
)


@given(_ITEMS, _ITEMS, _ITEMS, _ITEMS)
def test_an_axis_never_mixes_kinds_of_knowledge(models, trials, references, controls):
    data = {
        "models": models,
        "trials": [{**trial, "state": "done", "number": i} for i, trial in enumerate(trials)],
        "references": references,
        "controls": {"random": {"models": controls}},
    }
    seen = views(data)
    assert bool(seen) == bool(models or trials)
    for view in seen:
        groups = [view.models, view.trials, view.refused, view.references]
        groups += list(view.controls.values())
        points = [point for group in groups for point in group]
        assert {point.x.how for point in points} <= {view.x_how}
        assert {point.y.how for point in points if point.y is not None} <= {view.y_how}
        given_to_it = len(models) + len(trials) + len(references) + len(controls)
        assert (len(points) < given_to_it) <= bool(view.notes), "left out without a word"


def test_predicted_trials_are_not_drawn_beside_measured_models(example):
    data = example.digits()
    for model in data["models"]:
        model["metrics"]["latency_ms"].update(how="measured", source="ONNX Runtime")
    view = next(view for view in views(data) if view.x == "latency_ms")
    assert view.x_how is How.MEASURED
    assert len(view.models) == len(data["models"])
    assert not view.trials
    assert not view.controls
    note = "trials not drawn here: their latency is predicted, and this axis is measured."
    assert note in view.notes


def test_a_bare_latency_of_unknown_kind_is_not_taken_for_a_known_one(example):
    data = example.digits()
    del data["kinds"]
    by_name = {view.x: view for view in views(data)}
    assert not by_name["latency_ms"].trials
    assert any("was not recorded" in note for note in by_name["latency_ms"].notes)
    assert by_name["parameters"].trials, "what can be counted is counted"


def test_axes_are_the_costs_that_exist_objectives_first(example):
    data = example.digits()
    data["objectives"] = ["accuracy", "latency_ms"]
    names = [view.x for view in views(data)]
    assert names[0] == "latency_ms"
    there = {name for model in data["models"] for name in model["metrics"]}
    assert sorted(names) == sorted(n for n in there if not METRICS[n].quality)
    assert len(names) > 4
    for model in data["models"]:
        del model["metrics"]["energy_mj"]
    for trial in data["trials"]:
        del trial["metrics"]["energy_mj"]
    assert "energy_mj" not in [view.x for view in views(data)]


def test_models_without_a_final_score_are_not_drawn_beside_those_with_one(example):
    data = example.digits(models=5)
    for model in data["models"][:2]:
        model["final"] = None
    view = views(data)[0]
    assert view.tested
    assert [point.index for point in view.models] == [2, 3, 4]
    assert any("2 models of the front not drawn" in note for note in view.notes)


def test_models_off_the_line_are_explained(example):
    data = example.digits()
    beaten = data["models"][3]["metrics"]["peak_sram_bytes"]
    beaten["value"] = 10 * beaten["value"]  # on the front for its parameters, not for its memory
    notes = {view.x: view.notes for view in views(data)}
    assert any("off the line" in note for note in notes["peak_sram_bytes"])
    assert not any("off the line" in note for note in notes["parameters"])


def test_refused_candidates_are_apart_from_scored_ones(example):
    data = example.digits()
    view = views(data)[0]
    states = [trial["state"] for trial in data["trials"]]
    assert len(view.refused) == states.count("infeasible")
    assert len(view.trials) == states.count("done")


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=12))
def test_the_staircase_is_the_front(pairs):
    points = [
        Point(i, Quantity(x, "1", How.COUNTED), Quantity(y, "1", How.MEASURED))
        for i, (x, y) in enumerate(pairs)
    ]
    found = staircase(points)
    kept = front([(x, -y) for x, y in pairs])
    assert {(p.x.value, p.y.value) for p in found} == {
        pair for pair, keep in zip(pairs, kept, strict=True) if keep
    }
    values = [(p.x.value, p.y.value) for p in found]
    assert values == sorted(values)
    if points:
        assert knee(points) in found


def test_the_knee_is_where_the_gain_levels_off():
    scores = [0.5, 0.9, 0.96, 0.97, 0.975]
    points = [
        Point(i, Quantity(10.0**i, "1", How.COUNTED), Quantity(s, "fraction", How.MEASURED))
        for i, s in enumerate(scores)
    ]
    best = knee(points)
    assert best is not None
    assert best.index == 1


@pytest.mark.parametrize("empty", [{}, {"models": [], "trials": []}, {"models": None}])
def test_nothing_gives_no_view(empty):
    assert views(empty) == []
    assert knee([]) is None
