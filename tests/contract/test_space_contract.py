"""What every space of the catalogue keeps."""

from __future__ import annotations

import json
import random
from itertools import islice

import numpy as np
import pytest
from catalogue import CATALOGUE, Entry
from slow_graph import slow_graph, touched

from brickwork.errors import SpaceError
from brickwork.names import SPACES
from brickwork.space import Arch, Space, graph
from brickwork.trial import rng_for


@pytest.fixture(params=CATALOGUE, ids=lambda entry: entry.id)
def entry(request: pytest.FixtureRequest) -> Entry:
    return request.param


@pytest.fixture
def archs(entry: Entry) -> list[Arch]:
    """The extremes and some of what lies between."""
    rng = rng_for(0, "contract", entry.id)
    return [*entry.space.extremes(), *(entry.space.sample(rng) for _ in range(20))]


def test_the_catalogue_is_the_name_table():
    """What lies in spaces/ and what can be named are the same."""
    found = {(entry.space.name, type(entry.space)) for entry in CATALOGUE}
    assert found == {(name, Space) for name in SPACES}


def test_json_round_trip(entry, archs):
    back = Space.from_json(json.loads(json.dumps(entry.space.to_json())))
    assert back == entry.space
    assert back.decisions() == entry.space.decisions()
    for arch in archs:
        again = Arch.from_json(json.loads(json.dumps(arch.to_json())))
        assert again == arch
        assert again.id == arch.id
        assert back.why_invalid(again) is None
        assert (
            graph(back, again, entry.input, entry.outputs).hash
            == graph(entry.space, arch, entry.input, entry.outputs).hash
        )


def test_it_has_a_name_and_a_line_for_a_person(entry):
    assert entry.space.name in entry.id
    assert entry.space.doc
    assert "\n" not in entry.space.doc


def test_samples_are_valid_and_follow_the_seed(entry):
    for seed in range(5):
        a, b = (entry.space.sample(np.random.default_rng(seed)) for _ in range(2))
        assert a == b
        assert entry.space.why_invalid(a) is None


def test_id_is_blind_to_inactive_decisions_and_to_the_order_of_keys(entry, archs):
    everything = {decision.name: decision.options[-1] for decision in entry.space.decisions()}
    for arch in archs:
        items = list({**everything, **dict(arch.choices)}.items())
        random.Random(0).shuffle(items)
        assert entry.space.arch(dict(items)).id == arch.id
        shuffled = Arch.of(
            arch.space, dict(random.Random(1).sample(arch.choices, len(arch.choices)))
        )
        assert shuffled.id == arch.id


def test_every_active_decision_matters_to_the_network_or_the_recipe(entry, archs):
    for arch in archs:
        values = dict(arch.choices)
        assert touched(entry.space, values, entry.input) == set(values)


def test_a_mutation_changes_exactly_one_active_decision(entry, archs):
    space, rng = entry.space, rng_for(1, entry.id)
    if space.size() == 1:
        with pytest.raises(SpaceError, match="no decision to mutate"):
            space.mutate(archs[0], rng)
        return
    for arch in archs:
        mutant = space.mutate(arch, rng)
        assert space.why_invalid(mutant) is None
        old, new = dict(arch.choices), dict(mutant.choices)
        assert sum(old[name] != new[name] for name in old.keys() & new.keys()) == 1
        assert not any(space.decision(name).active(old) for name in new.keys() - old.keys())
        assert not any(space.decision(name).active(new) for name in old.keys() - new.keys())


def test_children_and_neighbours_are_valid(entry, archs):
    space, rng = entry.space, rng_for(2, entry.id)
    for a, b in zip(archs, reversed(archs), strict=True):
        assert space.why_invalid(space.cross(a, b, rng)) is None
    for neighbour in islice(space.neighbours(archs[-1]), 30):
        assert space.why_invalid(neighbour) is None
        assert neighbour != archs[-1]


def test_every_architecture_has_a_graph(entry, archs):
    """From raw input to as many outputs as asked, equal to the slow route."""
    for arch in archs[:8]:
        whole = graph(entry.space, arch, entry.input, entry.outputs)
        assert whole.output == entry.output
        slow = slow_graph(entry.space, dict(arch.choices), entry.input, entry.outputs)
        assert [(n.name, n.op, n.inputs, n.shape) for n in whole.nodes] == [tuple(n) for n in slow]
        assert not any(part.begins_with_follower for part in whole.parts)


def test_other_inputs_of_the_kind_fit_too(entry):
    """A network may meet samples of a size that it was not laid out for."""
    for arch in entry.space.extremes():
        answer = (3, *(entry.larger[1:] if len(entry.output) > 1 else ()))
        assert graph(entry.space, arch, entry.larger, 3).output == answer


def test_the_last_option_is_the_larger_network(entry):
    def parameters(arch):
        whole = graph(entry.space, arch, entry.input, entry.outputs)
        shapes = [
            s for n in whole.nodes for s in n.op.weights(whole.shapes_into(n) or [n.shape]).values()
        ]
        return sum(int(np.prod(shape)) for shape in shapes)

    first, last = entry.space.extremes()
    if entry.space.size() > 1:
        assert parameters(first) < parameters(last)
