"""The drawings: labels that do not collide, marks inside the frame, ticks that are round."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.objective import Limit
from brickwork.quantity import How, Quantity
from brickwork.report.axes import Scale, axis_for
from brickwork.report.drawing import draw_architecture, draw_memory
from brickwork.report.evidence import draw_agreement, draw_progress, draw_seeds
from brickwork.report.front import views
from brickwork.report.numbers import bound_text, compact, duration, number
from brickwork.report.plots import draw_front
from brickwork.report.svg import SIZE, Labels, clip, dots, tag, text_width, wrap

_SIZES = [(690.0, 480.0), (336.0, 400.0)]


def _boxes(svg):
    """The area of each text, as wide as ``text_width`` thinks it is."""
    found = []
    root = ET.fromstring(svg)
    parents = {child: parent for parent in root.iter() for child in parent}
    for element in root.iter("text"):
        group = parents[element]
        kind = element.get("class", "") + group.get("class", "")
        moved = re.search(r"translate\(([\d.]+)\)", group.get("transform", "translate(0)"))
        x, y = float(moved[1]) + float(element.get("x", 0)), float(element.get("y", 0))
        width = text_width(element.text or "")
        left = x - (width if "end" in kind else width / 2 if "mid" in kind else 0)
        found.append(((left, y - 0.75 * SIZE, left + width, y + 0.2 * SIZE), element.text))
    return found


def _collisions(svg):
    return [
        (one, other)
        for (a, one), (b, other) in itertools.combinations(_boxes(svg), 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("long_names", [False, True])
def test_no_two_labels_of_the_front_collide(example, seed, size, long_names):
    data = example.digits(seed=seed, models=4 + 3 * seed, trials=60)
    if long_names:
        for i, reference in enumerate(data["references"]):
            reference["name"] = f"{reference['name']} as published in the paper, table {i}"
    for view in views(data):
        svg, _ = draw_front(view, *size)
        assert _collisions(svg) == [], view.x


def test_a_name_that_finds_no_place_is_said_below(example):
    data = example.digits(models=3, trials=20)
    crowd = data["references"][0]
    data["references"] = [
        {**crowd, "name": f"ResNet-8, a much longer variant, number {i}"} for i in range(9)
    ]
    for size in _SIZES:
        svg, notes = draw_front(views(data)[0], *size)
        assert _collisions(svg) == []
        for i in range(9):
            assert f"number {i}" in str(svg)  # at least in the tip of its mark
        drawn = [text for _, text in _boxes(svg) if text.startswith("ResNet-8, a")]
        said = [note for note in notes if note.startswith("The mark without a name")]
        assert len(drawn) + len(said) == 9


@pytest.mark.parametrize("size", _SIZES)
def test_marks_lie_inside_the_drawing(example, size):
    for view in views(example.digits()):
        svg, _ = draw_front(view, *size)
        root = ET.fromstring(svg)
        circles = [c for c in root.iter("circle") if c.get("class") == "mark"]
        assert len(circles) == len(view.models)
        for circle in circles:
            assert 0 < float(circle.get("cx")) < size[0]
            assert 0 < float(circle.get("cy")) < size[1]
        models = [g for g in root.iter("g") if g.get("data-model") is not None]
        assert len(models) == len(view.models)
        assert {int(g.get("data-model")) for g in models} == {p.index for p in view.models}


def test_a_wide_range_has_a_log_axis_and_a_narrow_one_has_not(example):
    data = example.digits(models=3, trials=0)
    data["references"], data["controls"] = [], None
    for spread, log in ((10.0, False), (30.0, True)):
        for i, model in enumerate(data["models"]):
            model["metrics"]["parameters"]["value"] = 100.0 * spread ** (i / 2)
        svg, _ = draw_front(views(data)[0], 690, 480)
        assert ("log scale" in svg) is log


def test_a_limit_is_shaded_where_it_is_near_and_said_where_it_is_far(example):
    data = example.digits()
    by_name = {view.x: view for view in views(data)}
    near, notes = draw_front(by_name["latency_ms"], 690, 480)
    assert 'class="shade"' in near
    assert ">over 20 ms<" in near
    assert not any("limit" in note for note in notes)
    far, notes = draw_front(by_name["flash_bytes"], 690, 480)
    assert 'class="shade"' not in far
    assert "The limit of 1 MiB lies beyond the axis, to the right." in notes


def test_a_limit_on_the_score_is_shaded(example):
    data = example.digits()
    data["limits"] = ["accuracy>=97%"]
    svg, _ = draw_front(views(data)[0], 690, 480)
    assert ">under 97 %<" in svg


@given(
    st.floats(1e-3, 1e9),
    st.floats(1.001, 1e6),
    st.integers(3, 9),
    st.booleans(),
)
def test_ticks_lie_in_the_domain_and_rise(low, factor, count, log):
    scale = Scale(low, low * factor, 0.0, 100.0, log)
    ticks = scale.ticks(count)
    assert ticks == sorted(set(ticks))
    assert all(scale.holds(tick) for tick in ticks)
    assert all(-1e-6 <= scale(tick) <= 100 + 1e-6 for tick in ticks)
    assert len(ticks) <= 3 * count
    if not log:
        assert len(ticks) >= 2


def test_bytes_are_shown_in_binary_units():
    axis = axis_for("flash_bytes", (0.0, 64 * 1024.0), 0.0, 100.0)
    assert axis.title == "flash, KiB"
    assert axis.ticks(4)[-1] == (pytest.approx(100 * 60 / 64), "60")
    assert axis(32 * 1024) == pytest.approx(50)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30))
def test_dots_are_where_they_should_be(places):
    path = dots(places, "h0", (0, 0))
    x = y = 0
    found = set()
    for dx, dy in re.findall(r"m(-?\d+)[ ]?(-?\d+)h0", path):
        x, y = x + int(dx), y + int(dy)
        found.add((x, y))
    assert found == set(places)


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 100)), min_size=1, max_size=12))
def test_placed_labels_never_overlap(spots):
    labels = Labels((0, 0, 300, 100))
    for x, y in spots:
        labels.place("label", [(x, y, "start"), (x, y, "end"), (x, y, "middle")])
    for a, b in itertools.combinations(labels.solid, 2):
        assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
    assert all(b[0] >= 0 and b[1] >= 0 and b[2] <= 300 and b[3] <= 100 for b in labels.solid)


@given(st.text(max_size=40), st.floats(30, 300), st.booleans())
def test_clipped_text_fits(content, width, keep_end):
    shown = clip(content, width, keep_end=keep_end)
    assert text_width(shown) <= width
    assert shown == content or "…" in shown


@given(st.text("ab cd,", max_size=80), st.integers(1, 3))
def test_wrapped_text_fits_and_loses_nothing_unless_clipped(content, lines):
    found = wrap(content, 120.0, lines)
    assert len(found) <= lines
    assert all(text_width(line) <= 120 for line in found)
    if "…" not in "".join(found):
        assert " ".join(found).split() == content.split()


def test_attributes_are_escaped():
    assert tag("a", "<b>", data_tip='"<&') == '<a data-tip="&#34;&lt;&amp;">&lt;b&gt;</a>'


def test_an_architecture_has_a_box_for_each_block_and_an_arc_for_each_skip(example):
    for model in example.digits()["models"]:
        blocks = model["drawing"]["blocks"]
        root = ET.fromstring(draw_architecture(blocks, [1, 8, 8]))
        paths = {path.get("class"): path.get("d") for path in root.iter("path")}
        assert paths["block"].count("z") == len(blocks) + 1
        assert paths["skip"].count("q6 0") + paths["skip"].count("q0 6") == sum(
            block["skip"] for block in blocks
        )
        boxes = [float(w) for w in re.findall(r"h([\d.]+)v", paths["block"])]
        channels = [1, *(block["shape"][0] for block in blocks)]
        assert boxes == pytest.approx([8 + 62 * c / max(channels) for c in channels], abs=0.06)
        assert _collisions(ET.tostring(root, encoding="unicode")) == []


def test_an_architecture_may_be_one_or_three_dimensional():
    svg = draw_architecture([{"label": "a", "shape": [4, 5, 6, 7]}, {"label": "b"}], [9])
    assert "4×5×6×7" in svg
    assert draw_architecture([], [1]) is None


@pytest.mark.parametrize("ops", [1, 5, 28, 29, 200])
def test_memory_names_the_peak_and_draws_a_near_limit(ops):
    memory = [[f"op{i}", 1024 + 100 * i] for i in range(ops)]
    peak = memory[-1][1]
    near = Limit("peak_sram_bytes", True, 1.5 * peak)
    far = Limit("peak_sram_bytes", True, 100.0 * peak)
    for limit, drawn in ((near, True), (far, False), (None, False)):
        svg, found = draw_memory(memory, limit)
        assert found == peak
        assert ('class="edge"' in svg) is drawn
        assert svg.count('class="peak"') == 1
        assert (f"limit {bound_text(near)}" in svg) is drawn
        assert _collisions(svg) == []
    assert draw_memory([], near) is None


def test_the_longest_memory_bar_is_the_peak():
    svg, _ = draw_memory([["a", 100], ["b", 400], ["c", 200]], None)
    peak = float(re.search(r'd="M[\d.]+ \d+h([\d.]+)[^"]*" class="peak"', svg)[1])
    bars = re.search(r'd="([^"]*)" class="step"', svg)[1]
    lengths = [float(w) for w in re.findall(r"h([\d.]+)v", bars)]
    assert lengths == pytest.approx([peak / 4, peak / 2], abs=0.06)


def test_agreement_puts_equal_scores_on_the_diagonal():
    pairs = [{"id": str(i), "search": v, "final": v} for i, v in enumerate((0.9, 0.95, 0.99))]
    root = ET.fromstring(draw_agreement(pairs, "accuracy", {"1": 0}))
    line = next(p.get("d") for p in root.iter("path") if p.get("class") == "diagonal")
    x0, y0, x1, y1 = map(float, re.findall(r"[\d.]+", line))
    for mark in (c for c in root.iter("circle") if c.get("class") == "mark"):
        share = (float(mark.get("cx")) - x0) / (x1 - x0)
        assert float(mark.get("cy")) == pytest.approx(y0 + share * (y1 - y0), abs=0.3)
    assert draw_agreement([], "accuracy", {}) is None


def test_progress_labels_both_curves_apart():
    same = [[1.0, 0.1], [10.0, 0.5]]
    svg = draw_progress({"search": same, "random": same})
    assert "this search" in svg
    assert "random search" in svg
    assert _collisions(svg) == []
    assert draw_progress({"search": [], "random": []}) is None


def test_seeds_have_a_row_for_each_model():
    rows = [(i, 0.9, 0.01, [0.89, 0.91]) for i in range(1, 6)]
    svg = draw_seeds(rows, "accuracy")
    assert svg.count('class="mark"') == 5
    assert _collisions(svg) == []
    assert draw_seeds([(1, 0.9, None, [])], "accuracy") is None


def test_numbers_read_well():
    assert [compact(v) for v in (602, 5826, 999.9, 1_250_000)] == ["602", "5.83k", "1k", "1.25M"]
    assert [duration(s) for s in (0.42, 31.4, 119.6, 250, 7500)] == [
        "0.4 s",
        "31 s",
        "2 min",
        "4 min 10 s",
        "2 h 05 min",
    ]
    assert bound_text(Limit.parse("peak_sram_bytes<=320KiB")) == "320 KiB"
    assert bound_text(Limit.parse("accuracy>=97.5%")) == "97.50 %"
    spread = number("latency_ms", Quantity(6.3, "ms", How.PREDICTED, 1.0)).spread
    assert spread == "± 1.0", "two digits that count, zeros too"
    assert number("accuracy", Quantity(0.9, "fraction", How.MEASURED, 0.004)).spread == "± 0.40"
    assert number("flash_bytes", Quantity(9.0, "B", How.COUNTED)).spread == ""
    assert math.isclose(text_width("ab", 20) / text_width("ab", 10), 2)
