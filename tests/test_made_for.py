"""An architecture with what it was made for beside it has a graph and costs anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_own import first_example

from brickwork.costs import cost_of, network_in
from brickwork.devices import known_costs, load_target
from brickwork.errors import BrickworkError
from brickwork.made_for import MadeFor
from brickwork.measurements import read_measurements
from brickwork.trial import rng_for

RECORDED = [
    ("mobile", {"input": [1, 8, 8], "outputs": 10, "normalize": [[0.1], [0.3]]}),
    ("mlp", {"input": [4], "outputs": 2, "facts": {"categories": [3, 5]}}),
    (
        "mobile",
        {
            "input": [1, 24, 24],
            "outputs": 3,
            "normalize": None,
            "forms": {
                "24x24": {"input": [1, 24, 24], "normalize": [[0.5], [0.5]]},
                "12x12": {"input": [1, 12, 12], "normalize": [[0.5], [0.4]]},
            },
        },
    ),
]


def beside(tmp_path: Path, made: MadeFor, seed: int = 0) -> Path:
    """The file of a member."""
    arch = made.space.sample(rng_for(seed, "made for"))
    path = tmp_path / f"arch{seed}.json"
    path.write_text(json.dumps({"arch": arch.to_json(), "made_for": made.to_json()}))
    return path


@pytest.mark.parametrize(("name", "data"), RECORDED)
@pytest.mark.parametrize("seed", range(4))
def test_a_member_costs_what_it_cost_in_its_study(name, data, seed, tmp_path):
    made = MadeFor(name, data)
    path = beside(tmp_path, made, seed)
    read_back, arch = network_in(str(path))
    whole = made.graph(arch)
    assert read_back.graph(arch).hash == whole.hash
    found = cost_of(str(path), "stm32f746")["metrics"]
    known = known_costs(whole, load_target("stm32f746"))
    assert found == {name: quantity.to_json() for name, quantity in known.items()}
    assert network_in(path.read_text())[0] == read_back


def test_a_form_decides_the_input(tmp_path):
    made = MadeFor(*RECORDED[2])
    archs = [made.space.sample(rng_for(i)) for i in range(20)]
    assert {made.graph(arch).input for arch in archs} == {(1, 24, 24), (1, 12, 12)}


def test_measurements_name_such_a_file(tmp_path):
    beside(tmp_path, MadeFor(*RECORDED[0]))
    table = tmp_path / "times.csv"
    table.write_text("network,latency_ms\narch0.json,2.5\nresnet8,9\n")
    rows = read_measurements(table).rows
    assert [row.time for row in rows] == [2.5, 9]


def test_a_space_of_the_user_has_costs_and_so_have_its_members(tmp_path, monkeypatch):
    (tmp_path / "plain.py").write_text(first_example("adding-a-space.md"))
    monkeypatch.chdir(tmp_path)
    found = cost_of("plain.py", "stm32f746", "1,16,16", 2)
    assert found["members"]["smallest"]["metrics"]["parameters"]["value"] > 0
    made = MadeFor(str(tmp_path / "plain.py"), {"input": (1, 16, 16), "outputs": 2})
    path = beside(tmp_path, made)
    assert str(tmp_path) not in path.read_text()
    assert cost_of(str(path), "stm32f746")["input"] == [1, 16, 16]
    (tmp_path / "any.py").write_text(
        "from brickwork.spaces.mobile import mobile\n\ndef odd(input):\n    return mobile(input)\n"
    )
    with pytest.raises(BrickworkError, match="give its argument 'input' a default"):
        cost_of("any.py:odd", "cpu")


def test_what_cannot_be_read_is_said(tmp_path):
    path = beside(tmp_path, MadeFor(*RECORDED[0]))
    data = json.loads(path.read_text())
    bare = json.dumps(data["arch"])
    with pytest.raises(BrickworkError, match=r"--input 3,224,224 --outputs 1000: say what it is"):
        cost_of(bare, "cpu")
    assert cost_of(bare, "stm32f746", "1,8,8", 10)["outputs"] == 10
    path.write_text(json.dumps({**data, "made_for": 3}))
    with pytest.raises(BrickworkError, match="an object with space, input and outputs"):
        cost_of(str(path), "cpu")
    with pytest.raises(BrickworkError, match=r"^the architecture is not JSON"):
        cost_of("{", "cpu")
