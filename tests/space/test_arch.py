"""The identity of an architecture."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from brickwork.space import Arch

options = (
    st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
choices = st.dictionaries(st.text(max_size=6), options, max_size=6)


@given(choices, st.randoms())
def test_id_is_blind_to_the_order_of_keys(values, random):
    items = list(values.items())
    random.shuffle(items)
    a, b = Arch.of("s", values), Arch.of("s", dict(items))
    assert a == b
    assert hash(a) == hash(b)
    assert a.id == b.id


@given(choices, choices)
def test_ids_are_equal_exactly_if_the_choices_are_written_alike(a, b):
    """As JSON: 1, 1.0 and true are three options."""
    alike = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (Arch.of("s", a).id == Arch.of("s", b).id) == alike


@given(choices)
def test_the_space_belongs_to_the_id(values):
    assert Arch.of("a", values).id != Arch.of("b", values).id


@given(choices)
def test_json_round_trip(values):
    arch = Arch.of("s", values)
    back = Arch.from_json(json.loads(json.dumps(arch.to_json())))
    assert back == arch
    assert back.id == arch.id


@given(choices)
def test_reading_the_id_does_not_change_an_architecture(values):
    fresh, read = Arch.of("s", values), Arch.of("s", values)
    assert len(read.id) == 12
    assert int(read.id, 16) >= 0
    assert fresh == read
    assert hash(fresh) == hash(read)
    assert repr(fresh) == repr(read)


def test_id_does_not_change_between_versions():
    """Ids stand in stores and in cards."""
    assert (
        Arch.of("mobile", {"stage1.depth": 2, "stem.width": 8, "act": "relu"}).id == "099773a480f5"
    )
