"""Spaces: counting, sampling, mutating, crossing, neighbours: by definition and by enumeration."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_spaces import space_and_input, spaces, tiny_spaces
from slow_graph import touched

from brickwork.errors import SpaceError
from brickwork.space import (
    Activation,
    Arch,
    Cell,
    Chain,
    Choice,
    Conv,
    ConvNorm,
    Edge,
    Identity,
    InvertedResidual,
    Norm,
    OneOf,
    Optional,
    Repeat,
    Residual,
    Seq,
    Space,
    Sum,
    graph,
)
from brickwork.space.holes import full_name
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import dscnn, mobilenetv2, resnet8

CATALOGUE = [
    mobile((1, 8, 8)),
    mobile((3, 32, 32)),
    mobile((1, 32)),
    mobile((1, 16, 16, 16)),
    resnet8(),
    mobilenetv2(),
    dscnn(),
]
seeds = st.integers(0, 2**32)
any_space = spaces() | st.sampled_from(CATALOGUE)
open_space = any_space.filter(lambda space: space.size() > 1)


def enumerate_all(space: Space) -> set[Arch]:
    """Every architecture, from every assignment of all decisions."""
    names = [decision.name for decision in space.decisions()]
    options = [decision.options for decision in space.decisions()]
    return {space.arch(dict(zip(names, row, strict=True))) for row in product(*options)}


# --- what matters, and how many there are ---------------------------------------------------------


@given(space_and_input(), seeds)
def test_active_decisions_are_those_that_the_network_looks_at(pair, seed):
    space, input = pair
    arch = space.sample(np.random.default_rng(seed))
    values = dict(arch.choices)
    assert {decision.name for decision in space.active(arch)} == set(values)
    assert touched(space, values, input) == set(values)


@given(tiny_spaces())
def test_size_is_the_number_of_architectures(space):
    found = enumerate_all(space)
    assert space.size() == len(found)
    assert len({arch.id for arch in found}) == len(found)
    assert all(space.why_invalid(arch) is None for arch in found)


@given(tiny_spaces(most=100))
def test_neighbours_reach_everything(space):
    reached, border = {space.arch()}, [space.arch()]
    while border:
        border = [n for arch in border for n in space.neighbours(arch) if n not in reached]
        border = list(dict.fromkeys(border))
        reached.update(border)
    # What a neighbour wakes up stands at its first option, and is itself open to change.
    assert reached == enumerate_all(space)


def test_size_of_nested_choices_by_hand():
    cell = OneOf("op", {"conv": Conv(4, Choice("kernel", (1, 3, 5))), "none": Identity()})
    space = Space("s", Repeat("cell", Seq(cell, Optional("se", Norm())), Choice("depth", (1, 2))))
    one = (3 + 1) * 2
    assert space.size() == one + one**2


def test_a_large_space_is_counted_at_once():
    space = mobile()
    assert space.size() > 10**24
    assert repr(space) == (
        f"Space('mobile', {len(space.decisions())} decisions, {space.size():,} architectures)"
    )


@given(any_space)
def test_decisions_come_after_what_they_depend_on(space):
    seen: set[str] = set()
    for decision in space.decisions():
        assert all(name in seen for guard in decision.when for name, _ in guard)
        seen.add(decision.name)
        assert space.decision(decision.name) is decision
    assert len(seen) == len(space.decisions())


# --- sampling -------------------------------------------------------------------------------------


@given(any_space, seeds)
def test_samples_are_valid_and_follow_the_seed(space, seed):
    arch = space.sample(np.random.default_rng(seed))
    assert space.why_invalid(arch) is None
    assert arch == space.sample(np.random.default_rng(seed))
    assert [name for name, _ in arch.choices] == sorted(name for name, _ in arch.choices)


def test_every_active_decision_is_drawn_uniformly():
    space = mobile((1, 8, 8))
    rng = np.random.default_rng(0)
    counts: dict[str, Counter[object]] = {d.name: Counter() for d in space.decisions()}
    for _ in range(4000):
        for name, option in space.sample(rng).choices:
            counts[name][option] += 1
    for decision in space.decisions():
        total = counts[decision.name].total()
        for option in decision.options:
            expected = total / len(decision.options)
            assert abs(counts[decision.name][option] - expected) < 5 * expected**0.5


@given(tiny_spaces(most=24), seeds)
def test_every_architecture_can_be_sampled(space, seed):
    rng = np.random.default_rng(seed)
    everything = enumerate_all(space)
    found: set[Arch] = set()
    for _ in range(100_000):
        found.add(space.sample(rng))
        if found == everything:
            return
    pytest.fail(f"{len(everything - found)} architectures never came")


# --- changing -------------------------------------------------------------------------------------


def check_one_step(space: Space, before: Arch, after: Arch) -> str:
    """Checks that two architectures differ in one decision and in what depends on it."""
    assert space.why_invalid(after) is None
    old, new = dict(before.choices), dict(after.choices)
    changed = [name for name in old.keys() & new.keys() if old[name] != new[name]]
    assert len(changed) == 1
    for name in new.keys() - old.keys():
        assert not space.decision(name).active(old)
    for name in old.keys() - new.keys():
        assert not space.decision(name).active(new)
    return changed[0]


@given(open_space, seeds)
def test_a_mutation_changes_exactly_one_active_decision(space, seed):
    rng = np.random.default_rng(seed)
    arch = space.sample(rng)
    for _ in range(5):
        mutant = space.mutate(arch, rng)
        check_one_step(space, arch, mutant)
        arch = mutant


def test_mutations_reach_every_decision_and_option():
    space = mobile((1, 8, 8))
    rng = np.random.default_rng(1)
    arch = space.extremes()[1]
    open_ = {(d.name, o) for d in space.active(arch) for o in d.options} - set(arch.choices)
    seen: Counter[tuple[str, object]] = Counter()
    for _ in range(6000):
        mutant = dict(space.mutate(arch, rng).choices)
        name = next(n for n, o in arch.choices if mutant.get(n, o) != o)
        seen[name, mutant[name]] += 1
    assert seen.keys() == open_
    per_decision = Counter()
    for (name, _), count in seen.items():
        per_decision[name] += count
    expected = 6000 / len(per_decision)
    assert all(abs(count - expected) < 5 * expected**0.5 for count in per_decision.values())


@given(open_space, seeds)
def test_neighbours_differ_in_one_decision_and_are_complete(space, seed):
    arch = space.sample(np.random.default_rng(seed))
    found = list(space.neighbours(arch))
    steps = Counter()
    for neighbour in found:
        name = check_one_step(space, arch, neighbour)
        steps[name, dict(neighbour.choices)[name]] += 1
    every = {(d.name, o) for d in space.active(arch) for o in d.options} - set(arch.choices)
    assert steps.keys() == every
    assert set(steps.values()) <= {1}


@given(any_space, seeds)
def test_a_child_takes_every_decision_from_a_parent(space, seed):
    rng = np.random.default_rng(seed)
    a, b = space.sample(rng), space.sample(rng)
    child = space.cross(a, b, rng)
    assert space.why_invalid(child) is None
    left, right = dict(a.choices), dict(b.choices)
    for name, option in child.choices:
        parents = [values[name] for values in (left, right) if name in values]
        assert not parents or option in parents
    assert space.cross(a, a, rng) == a


def test_a_child_takes_about_half_of_each_parent():
    space = mobile((3, 32, 32))
    small, large = space.extremes()
    rng = np.random.default_rng(0)
    common = [name for name, _ in small.choices]
    share = [
        sum(
            dict(space.cross(small, large, rng).choices)[n] == dict(small.choices)[n]
            for n in common
        )
        for _ in range(500)
    ]
    assert np.mean(share) == pytest.approx(len(common) / 2, rel=0.05)


def test_one_network_cannot_be_mutated():
    space = resnet8()
    with pytest.raises(SpaceError, match="'resnet8' has no decision to mutate"):
        space.mutate(space.arch(), np.random.default_rng(0))
    assert list(space.neighbours(space.arch())) == []


# --- architectures of a space ---------------------------------------------------------------------


@given(open_space, seeds)
def test_inactive_decisions_leave_no_trace(space, seed):
    rng = np.random.default_rng(seed)
    arch = space.sample(rng)
    values = dict(arch.choices)
    for decision in space.decisions():
        if decision.name not in values:
            values[decision.name] = decision.options[int(rng.random() * len(decision.options))]
    same = space.arch(values)
    assert same == arch
    assert same.id == arch.id


@given(any_space)
def test_extremes_take_the_first_and_the_last_options(space):
    first, last = space.extremes()
    assert first == space.arch()
    assert all(option == space.decision(name).options[0] for name, option in first.choices)
    assert all(option == space.decision(name).options[-1] for name, option in last.choices)
    assert space.why_invalid(last) is None


@given(any_space, seeds)
def test_recipe_is_what_was_decided(space, seed):
    arch = space.sample(np.random.default_rng(seed))
    recipe = space.recipe(arch)
    assert recipe.keys() == space.recipe_fields.keys()
    for key, value in space.recipe_fields.items():
        chosen = dict(arch.choices).get(f"recipe.{key}")
        assert recipe[key] == (chosen if isinstance(value, Choice) else value)


def test_an_option_is_taken_in_the_form_of_the_space():
    space = Space("s", Seq(Conv(Choice("width", (4, 8))), Optional("norm", Norm())))
    assert space.arch({"width": 8.0, "norm": 1}).id == space.arch({"width": 8, "norm": True}).id


SMALL = Space(
    "small",
    Seq(OneOf("op", {"conv": Conv(Choice("width", (4, 8))), "none": Identity()})),
)


@pytest.mark.parametrize(
    ("arch", "says"),
    [
        (Arch.of("other", {}), "it belongs to the space 'other', not 'small'"),
        (Arch.of("small", {"op": "none", "depth": 2}), "the space has no decision 'depth'"),
        (Arch.of("small", {"op": "none", "op.conv.width": 4}), "op.conv.width is set but not"),
        (Arch.of("small", {"op": "conv"}), "op.conv.width is missing: choose one of (4, 8)"),
        (Arch.of("small", {"op": "pool"}), "op = 'pool' is not an option: ('conv', 'none')"),
        (Arch.of("small", {"op": "conv", "op.conv.width": 5}), "op.conv.width = 5 is not an"),
        (Arch.of("small", {"op": "conv", "op.conv.width": 8.0}), "op.conv.width = 8.0 is not an"),
        (Arch.of("small", {"op": "conv", "op.conv.width": [4]}), "op.conv.width = [4] is not an"),
        (Arch.of("small", {}), "op is missing: choose one of ('conv', 'none')"),
    ],
)
def test_why_an_architecture_is_not_valid(arch, says):
    assert (SMALL.why_invalid(arch) or "").startswith(says)


@given(tiny_spaces(), st.data())
def test_what_is_valid_is_in_the_enumeration(space, data):
    """Any subset of decisions: valid exactly if it is one of all architectures."""
    everything = enumerate_all(space)
    names = data.draw(st.lists(st.sampled_from(space.decisions()), unique_by=lambda d: d.name))
    arch = Arch.of(space.name, {d.name: data.draw(st.sampled_from(d.options)) for d in names})
    assert (space.why_invalid(arch) is None) == (arch in everything)


def test_unknown_decisions_and_options():
    with pytest.raises(SpaceError, match="space 'small' has no decision 'width'"):
        SMALL.arch({"width": 4})
    with pytest.raises(SpaceError, match="no decision 'width'"):
        SMALL.decision("width")
    with pytest.raises(SpaceError, match=r"op = 'pool' is not an option: \('conv', 'none'\)"):
        SMALL.arch({"op": "pool"})


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "name", "full"),
    [
        ("", "width", "width"),
        ("stage1.0.", "width", "stage1.0.width"),
        ("stage1.0.", "../width", "stage1.width"),
        ("stage1.0.", "../../width", "width"),
        ("stage1.0.", "/width", "width"),
        ("stage1.0.", "/other.width", "other.width"),
        ("a.b.c.", "../../width", "a.width"),
    ],
)
def test_full_names(scope, name, full):
    assert full_name(scope, name) == full


@pytest.mark.parametrize(
    ("scope", "name"), [("", "../w"), ("a.", "../../w"), ("a.0.", "../../../w")]
)
def test_no_name_above_the_root(scope, name):
    with pytest.raises(SpaceError, match="leads above the root of the space"):
        full_name(scope, name)


def names(block, **kw) -> list[str]:
    return [decision.name for decision in Space("s", block, **kw).decisions()]


def test_names_of_decisions_follow_the_path():
    conv = Conv(Choice("width", (2, 4)))
    assert names(conv) == ["width"]
    assert names(Seq(conv)) == ["width"]
    assert names(Seq(Seq(conv, name="b"), name="a")) == ["a.b.width"]
    assert names(Repeat("r", conv, 2)) == ["r.0.width", "r.1.width"]
    assert names(Repeat("r", conv, Choice("n", (0, 1)))) == ["r.n", "r.0.width"]
    assert names(Optional("o", conv)) == ["o", "o.width"]
    assert names(OneOf("o", {"x": conv, "y": Norm()})) == ["o", "o.x.width"]
    assert names(Residual(conv, Conv(Choice("width", (2, 4))))) == ["width", "shortcut.width"]
    assert names(Norm(), recipe={"lr": Choice("rate", (1, 2)), "x": 3}) == ["recipe.lr"]


def test_composites_do_not_move_names():
    block = InvertedResidual(
        Choice("../width", (2, 4)),
        expand=Choice("expand", (1, 2)),
        gate=Optional("se", Norm()),
        skip=Choice("/skip", (False, True)),
    )
    found = names(Repeat("stage", block, 2))
    assert sorted(found) == [
        "skip",
        "stage.0.expand",
        "stage.0.se",
        "stage.1.expand",
        "stage.1.se",
        "stage.width",
    ]


def test_one_full_name_is_one_decision():
    shared = Repeat("stage", ConvNorm(Choice("../width", (2, 4))), 3)
    space = Space("s", shared)
    assert space.size() == 2
    shapes = {node.shape for node in graph(space, space.arch({"stage.width": 4}), (1, 5), 2).nodes}
    assert shapes == {(1, 5), (4, 5)}


def test_one_name_cannot_mean_two_things():
    body = Seq(Conv(Choice("width", (2, 4))), Conv(Choice("width", (2, 8))))
    with pytest.raises(SpaceError, match=r"'width' has two sets of options: \(2, 4\) and \(2, 8\)"):
        Space("s", body)


@pytest.mark.parametrize(
    ("bricks", "at"),
    [
        ((Optional("maybe", Norm()), Optional("maybe", Norm())), None),  # one decision for both
        ((Seq(Norm(), name="a"), Seq(Norm(), name="a")), None),  # both are always there
        ((Seq(Norm(), name="a"), Optional("a", Norm())), "a"),
        ((Repeat("a", Norm(), Choice("times", (0, 1))), Seq(Norm(), name="a")), "a"),
        ((Cell("a", (Sum((Edge(0),)),)), Cell("a", (Sum((Edge(0),)),))), "a"),
        ((Chain((Seq(Norm(), name="a"), Seq(Norm(), name="a"))),), "a"),
        ((Seq(Optional("/a", Norm()), Optional("../a", Norm()), name="b"), Norm()), None),
        ((Seq(OneOf("/a", {"x": Norm(), "y": Identity()}), Norm(), name="a"),), None),
    ],
)
def test_what_may_be_there_without_the_other_has_a_place_of_its_own(bricks, at):
    """Else one of two norms of one name would be trained in the place of the other."""
    if at is None:
        assert Space("s", Seq(*bricks)).size()
    else:
        with pytest.raises(SpaceError, match=f"two bricks stand at {at!r}, and an architecture"):
            Space("s", Seq(*bricks))


@pytest.mark.parametrize("brick", [Norm(), Seq(Norm()), Residual(Norm())])
def test_a_brick_of_a_chain_has_a_name(brick):
    with pytest.raises(SpaceError, match=r"stands in a chain: put it into a Seq with a name"):
        Space("s", Chain((brick,)))


def test_a_shared_decision_matters_if_any_of_its_places_is_there():
    """The second place depends on a decision that comes later in the model."""
    width = Choice("/width", (2, 4))
    body = Seq(Optional("a", Conv(width)), Optional("b", Conv(width)))
    space = Space("s", body)
    assert space.size() == 1 + 3 * 2
    arch = space.arch({"a": False, "b": True, "width": 4})
    assert dict(arch.choices) == {"a": False, "b": True, "width": 4}
    assert graph(space, arch, (1, 5), 2).output == (4, 5)
    assert "width" not in dict(space.arch({"a": False, "b": False}).choices)


def test_a_decision_inside_its_own_option_is_decided():
    inner = OneOf("/op", {"x": Conv(2), "y": Norm()})
    space = Space("s", Optional("o", OneOf("/op", {"x": inner, "y": Norm()})))
    assert space.size() == 3


def test_decisions_cannot_depend_on_each_other_in_a_circle():
    def a(body):
        return Optional("/a", body)

    def b(body):
        return Optional("/b", body)

    body = Seq(Optional("p", a(b(Norm()))), Optional("q", b(a(Norm()))))
    with pytest.raises(SpaceError, match="depend on each other in a circle: a, b"):
        Space("s", body)


# --- JSON -----------------------------------------------------------------------------------------


@given(any_space, seeds)
def test_json_round_trip(space, seed):
    back = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert back == space
    assert back.body == space.body
    assert back.decisions() == space.decisions()
    assert back.recipe_fields == space.recipe_fields
    assert (back.name, back.doc, back.size()) == (space.name, space.doc, space.size())
    rng, again = (np.random.default_rng(seed) for _ in range(2))
    assert back.sample(rng).id == space.sample(again).id


def test_spaces_compare_by_what_they_are():
    assert mobile((1, 8, 8)) == mobile((3, 8, 8))
    assert hash(mobile((1, 8, 8))) == hash(mobile((3, 8, 8)))
    assert mobile((1, 8, 8)) != mobile((1, 32, 32))
    assert resnet8() != dscnn()
    assert resnet8() != "resnet8"


@dataclass(frozen=True)
class Mine:
    """A user's own composite."""

    width: Choice[int]

    def lower(self, shape):
        return Seq(Conv(self.width, 1), Activation())


def test_own_composites_can_be_searched_but_not_written():
    space = Space("s", Seq(Mine(Choice("width", (2, 4))), name="a"))
    assert [d.name for d in space.decisions()] == ["a.width"]
    assert graph(space, space.arch({"a.width": 4}), (1, 5), 2).output == (4, 5)
    with pytest.raises(SpaceError, match="Mine is not one of Brickwork's bricks"):
        space.to_json()


def test_what_is_no_brick():
    with pytest.raises(SpaceError, match="a brick is a frozen dataclass, got 3"):
        Space("s", Seq(3))


def body_of(**changes):
    return {"name": "s", "doc": "", "recipe": {}, "body": changes}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (body_of(brick="Cnov", out=3), "unknown brick 'Cnov': known are Activation, Add, "),
        (body_of(out=3), "unknown brick ''"),
        (body_of(brick="Conv", width=3), "cannot read the brick Conv: "),
        (body_of(brick="Conv"), "cannot read the brick Conv: "),
        (body_of(brick="Seq"), "cannot read the brick Seq: "),
        (body_of(brick="Choice", name="w", options=[]), "the choice 'w' has no options"),
    ],
)
def test_json_that_is_no_space(data, says):
    with pytest.raises(SpaceError) as caught:
        Space.from_json(data)
    assert str(caught.value).startswith(says)
