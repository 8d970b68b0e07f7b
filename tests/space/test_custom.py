"""A user's own module as a brick: what is said of it, its choices, and every error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from brickwork.devices import counted, flash_bytes, load_target, macs, parameters
from brickwork.errors import SpaceError
from brickwork.space import Choice, Custom, GlobalPool, Linear, Optional, Seq, Space, graph

WIDTHS = (4, 6, 8)
BODY = Seq(
    Seq(
        Custom(
            "own_modules:make",
            "own_modules:describe",
            (("width", Choice("../width", WIDTHS)), ("bias", Choice("bias", (False, True)))),
        ),
        name="own",
    ),
    Seq(Optional("again", Custom("own_modules:make", "own_modules:describe", (("width", 8),)))),
    GlobalPool(),
    Linear(),
)


def test_choices_among_its_arguments_are_decisions_of_the_space():
    space = Space("s", Seq(BODY.blocks[0], GlobalPool(), Linear()))
    assert {d.name: d.options for d in space.decisions()} == {
        "width": WIDTHS,
        "own.bias": (False, True),
    }
    for width in WIDTHS:
        for bias in (False, True):
            arch = space.arch({"width": width, "own.bias": bias})
            node = graph(space, arch, (3, 5, 6), 2).nodes[1]
            assert node.op.arguments == (("width", width), ("bias", bias))
            assert node.shape == (width, 5, 6)
            assert node.op.macs([(3, 5, 6)], node.shape) == width * 3 * 30


def test_it_makes_the_round_trip_through_json():
    space = Space("s", BODY)
    back = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert back == space
    assert back.decisions() == space.decisions()
    rng = np.random.default_rng(0)
    for _ in range(10):
        arch = space.arch(dict(space.sample(rng).choices) | {"width": 8})
        a, b = (graph(s, arch, (3, 5, 6), 2) for s in (space, back))
        assert a.hash == b.hash


def test_it_is_counted_by_what_its_author_says():
    space = Space("s", BODY)
    arch = space.arch({"width": 6, "own.bias": True, "again": False})
    whole = graph(space, arch, (3, 5, 6), 2)
    own, norm, head = 6 * 3 + 6, 2 * 6, 6 * 2 + 2
    assert parameters(whole) == own + norm + head
    assert macs(whole) == 6 * 3 * 30 + 12
    running = 2 * 6 + 1
    assert flash_bytes(whole, "float32") == 4 * (own + norm + running + head)
    # the matrix in one byte with a scale for each row, all else of it in four bytes
    small = 6 * 3 + 4 * 6 + 4 * (6 + norm + running)
    assert flash_bytes(whole, "int8") == small + 12 + 8 * 2
    assert counted(whole, load_target("stm32f746"))["peak_sram_bytes"].value == (3 + 6) * 30


def test_describing_needs_no_torch():
    code = (
        "import sys; from brickwork.space import *;"
        "op = Custom('own_modules:make', 'own_modules:describe', (('width', 4),));"
        "print(op.shape([(3, 5)]), 'torch' in sys.modules)"
    )
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({tests!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "(4, 5) False"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("own_modules", "'own_modules' is not an import path: write 'package.module:callable'"),
        (":describe", "':describe' is not an import path"),
        ("no_such_package.x:y", "cannot import 'no_such_package.x:y': No module named"),
        ("own_modules:nothing", "cannot import 'own_modules:nothing': module 'own_modules' has no"),
        ("own_modules:__all__", "'own_modules:__all__' is ['describe', "),
        ("builtins:dict", "builtins:dict gives {}, not a Description"),
    ],
)
def test_a_path_that_leads_nowhere_is_one_line(path, says):
    with pytest.raises(SpaceError) as caught:
        Custom("own_modules:make", path).shape([()])
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments", [{"width": 4}, [("width", 4)], (("width",),), ((4, 4),)])
def test_arguments_are_pairs(arguments):
    with pytest.raises(SpaceError, match=r"arguments are pairs \(name, value\), got "):
        Custom("a:b", "a:c", arguments)
