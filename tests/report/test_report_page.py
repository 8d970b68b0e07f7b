"""The page as a whole: offline, escaped, well formed, complete, honest about what is missing."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import random
import re

import pytest

from brickwork.quantity import METRICS, Quantity
from brickwork.report import ReportData, render

STUDIES = ["digits", "interrupted", "impossible", "hostile", "empty"]


@pytest.mark.parametrize("name", STUDIES)
def test_loads_nothing(page, parse, name):
    seen = parse(page(name))
    tags = {tag for tag, _ in seen.elements}
    assert tags.isdisjoint({"link", "img", "iframe", "object", "embed", "image", "use", "base"})
    loading = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background"}
    for tag, attributes in seen.elements:
        assert loading.isdisjoint(attributes), f"<{tag} {attributes}>"
        assert not any(key.startswith("on") for key in attributes), f"<{tag} {attributes}>"
        assert "url(" not in attributes.get("style", "")
    for style in seen.styles:
        assert "url(" not in style
        assert "@import" not in style
    script = seen.scripts[-1]
    for word in ("fetch(", "XMLHttpRequest", "import(", "WebSocket", "sendBeacon", "innerHTML"):
        assert word not in script


def test_policy_allows_this_script_and_no_other(page, parse):
    seen = parse(page("digits"))
    policy = next(m["content"] for m in seen.all("meta") if "http-equiv" in m)
    digest = base64.b64encode(hashlib.sha256(seen.scripts[-1].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", STUDIES)
def test_is_well_formed_and_ids_are_unique(page, parse, name):
    seen = parse(page(name))
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {a["aria-labelledby"] for _, a in seen.elements if "aria-labelledby" in a}
    assert labels <= set(ids)
    assert page(name).startswith("<!doctype html>")


def test_hostile_names_stay_text(page, parse):
    text = page("hostile")
    seen = parse(text)
    assert "<img" not in text
    assert "onerror=alert(1)>" not in text
    assert len(seen.scripts) == 2
    # 24 places hand a name over; those that a person reads show it as it is.
    assert seen.words().count("</script><img src=x onerror=alert(1)>\"'&<b>") > 20
    assert not [a for _, a in seen.elements if "onerror" in a]


def test_script_data_is_json_that_cannot_end_its_element(page, parse, example):
    data = example.digits(models=2, trials=5)
    data["trials"][0]["number"] = "</script>\u2028<!--"
    seen = parse(render(data))
    raw = seen.scripts[0]
    assert "<" not in raw
    assert "\u2028" not in raw
    assert json.loads(raw)["trials"]["number"][0] == "</script>\u2028<!--"


def test_every_model_appears_with_the_provenance_of_each_number(page, parse, example):
    data = example.digits()
    text = page("digits")
    table = text[text.index('id="models"') :]
    for model in data["models"]:
        start = table.index(f"<code>{model['id']}</code>")
        row = table[start : table.index("</tr>", start)]
        cells = re.findall(r"<td data-v=[^>]*>(.*?)</td>", row, re.S)
        order = [name for name in METRICS if name in model["metrics"]]
        shown = dict(zip(order, cells, strict=False))
        for name, quantity in model["metrics"].items():
            assert Quantity.from_json(quantity).text() in shown[name]
            assert f'class="badge {quantity["how"]}">{quantity["how"]}<' in shown[name]
    # The panel of each model gives the source of each number as well.
    assert len(parse(text).all("table", class_="numbers")) == len(data["models"])
    words = parse(text).words()
    for source in {q["source"] for m in data["models"] for q in m["metrics"].values()}:
        assert source in words


def test_each_kind_of_knowledge_is_set_apart_without_colour(page, parse):
    style = parse(page("digits")).styles[0]
    looks = dict(re.findall(r"\.badge\.(\w+) \{([^}]*)\}", style))
    borders = {kind: looks[kind] for kind in ("simulated", "predicted", "estimated", "unknown")}
    assert "double" in borders["simulated"]
    assert "dashed" in borders["predicted"]
    assert "dotted" in borders["estimated"]
    assert len(set(borders.values())) == 4


def test_a_normal_report_is_small(page):
    assert len(page("digits").encode()) < 300_000


def test_the_same_data_gives_the_same_page(page, example):
    assert render(example.digits()) == page("digits")


@pytest.mark.parametrize("key", sorted(ReportData.__annotations__))
@pytest.mark.parametrize("how", ["missing", "null"])
def test_any_part_may_be_missing(parse, example, key, how):
    data = example.digits(models=3, trials=30)
    if how == "missing":
        data.pop(key, None)
    else:
        data[key] = None
    parse(render(data))


@pytest.mark.parametrize("seed", range(30))
def test_anything_inside_may_be_missing(parse, example, seed):
    data = _pruned(example.digits(models=3, trials=30), random.Random(seed))
    parse(render(data))


def _pruned(value, rng):
    """A copy in which keys were dropped or set to null, but not inside quantities and limits."""
    if isinstance(value, dict) and not {"value", "unit"} <= set(value):
        kept = {}
        for key, inner in value.items():
            chance = rng.random()
            if chance < 0.12:
                continue
            kept[key] = None if chance < 0.24 else _pruned(inner, rng)
        return kept
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_pruned(inner, rng) for inner in value]
    return copy.deepcopy(value)


def test_says_plainly_what_is_not_there(page, parse):
    empty = parse(page("empty")).words()
    for sentence in (
        "This study has no model yet.",
        "Nothing was tried, so there is nothing to draw.",
        "No model was retrained, so the scores of the search were not checked.",
        "No control was run, so it is not known whether random search would have done as well.",
        "What it cost was not recorded.",
        "How to repeat it was not recorded.",
    ):
        assert sentence in empty
    stopped = parse(page("interrupted")).words()
    assert "Not retrained: its scores are those of the search." in stopped
    assert "No files were exported." in stopped
    assert "of the exported file" not in stopped
    assert "No model to choose from." in parse(page("impossible")).words()


def test_says_no_where_a_control_was_as_good(parse, example):
    data = example.digits(models=2, trials=5)
    data["controls"]["random"].update(hypervolume=0.8, search_hypervolume=0.72)
    assert "search not better (\u221210.0 %)" in parse(render(data)).words()


def test_the_gap_has_its_direction_from_the_pairs(parse, example):
    data = example.digits(models=2, trials=5)
    data["gap"] = {
        "pairs": [{"id": "a", "search": 0.95, "final": 0.93}],
        "mean": 12.0,  # whatever sign the caller gives a mean, the pairs decide
        "tau": {"value": 0.2, "low": -0.4, "high": 0.7, "n": 1},
    }
    words = parse(render(data)).words()
    assert "Scores in the search were 2.00 points too high on average (1 model)." in words
    assert "0.20, bootstrap interval \u22120.40 to 0.70: it cannot be told from none." in words


def test_the_named_model_is_selected_and_the_others_hidden(page, parse, example):
    data = example.digits()
    best = next(i for i, m in enumerate(data["models"]) if m["id"] == data["best"])
    panels = [a for tag, a in parse(page("digits")).elements if tag == "div" and "data-panel" in a]
    assert len(panels) == 2 * len(data["models"])
    assert {a["data-panel"] for a in panels if "hidden" not in a} == {str(best)}


def test_failures_that_differ_in_numbers_only_are_one_group(page, parse):
    words = parse(page("digits")).words()
    assert "2 over its time: stopped after 12.0 s and alike, with other numbers" in words
    assert "1 the loss became NaN in epoch 3" in words
    assert "model.int8.onnx agrees with the trained network on 91.4 %" in words


def test_how_to_do_it_again_is_complete(page, parse, example):
    data = example.digits()
    words = parse(page("digits")).words()
    for line in (data["reproduce"]["command"], data["reproduce"]["resume"]):
        assert line in words.replace(" -- ", " --")
    for split in data["task"]["splits"].values():
        assert split["sha256"] in words
        assert f"{split['size']:,}" in words
    for package, version in data["reproduce"]["packages"].items():
        assert f"{package} {version}" in words


def test_the_key_number_is_set_apart_and_not_parted_from_its_unit(parse, example):
    data = example.digits(models=2, trials=5)
    data["verdict"] = ["It reaches **99.4 %** in 15 ms with <b>26 KiB</b>."]
    text = render(data)
    assert "<strong>99.4\u00a0%</strong> in 15\u00a0ms with &lt;b&gt;26\u00a0KiB" in text


def test_time_beyond_the_budget_is_said(parse, example):
    data = example.digits(models=2, trials=5)
    data["spent"].update(budget_s=60.0, search_s=50.0, final_s=30.0, export_s=None)
    seen = parse(render(data))
    assert "Time 80 s of a budget of 60 s: 20 s over" in seen.words()
    assert "not used" not in seen.words()
