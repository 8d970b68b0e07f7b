"""Published networks lie inside the spaces that are named after their families."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod

import pytest
from catalogue import MASKS

from brickwork.errors import SpaceError
from brickwork.names import REFERENCES, SPACES, make_space
from brickwork.space import Arch, Conv, Pool, Space, graph
from brickwork.spaces.attention import transformer, vit
from brickwork.spaces.inputs import KINDS, kinds_of
from brickwork.spaces.references import resnet18, vittiny
from brickwork.spaces.residual import residual
from brickwork.spaces.signals import series, speech
from brickwork.spaces.tables import mlp

IMAGENET = (3, 224, 224)


def size(space: Space, arch: Arch, input: tuple[int, ...], outputs: int) -> tuple[int, int]:
    """Parameters and multiply-accumulates."""
    whole = graph(space, arch, input, outputs)
    inside = [(node, whole.shapes_into(node)) for node in whole.nodes[1:]]
    return (
        sum(prod(shape) for node, ins in inside for shape in node.op.weights(ins).values()),
        sum(node.op.macs(ins, node.shape) for node, ins in inside),
    )


# --- ResNets --------------------------------------------------------------------------------------


def resnet(kind: str, depths: tuple[int, ...], widths: tuple[int, ...]) -> dict[str, object]:
    choices: dict[str, object] = {}
    for i, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
        choices |= {
            f"stage{i}.{name}": value
            for name, value in (("depth", depth), ("width", width), ("block", kind))
        }
        if kind == "bottleneck":
            choices[f"stage{i}.inner"] = width // 4
    return choices


@pytest.mark.parametrize(
    ("kind", "depths", "parameters", "macs"),
    [
        # torchvision's parameter counts, and its operations to three decimals
        ("basic", (2, 2, 2, 2), 11_689_512, "1.814"),
        ("basic", (3, 4, 6, 3), 21_797_672, "3.664"),
        ("bottleneck", (3, 4, 6, 3), 25_557_032, "4.089"),
    ],
)
def test_resnets_of_imagenet(kind, depths, parameters, macs):
    space = residual()
    wide = 4 if kind == "bottleneck" else 1
    widths = tuple(wide * width for width in (64, 128, 256, 512))
    arch = space.arch({"stem.width": 64, "stem.kernel": 7, **resnet(kind, depths, widths)})
    found = size(space, arch, IMAGENET, 1000)
    assert (found[0], f"{found[1] / 1e9:.3f}") == (parameters, macs)


def test_the_reference_is_that_member():
    space, reference = residual(), resnet18()
    arch = space.arch(
        {
            "stem.width": 64,
            "stem.kernel": 7,
            **resnet("basic", (2, 2, 2, 2), (64, 128, 256, 512)),
        }
    )
    ours, theirs = graph(space, arch, IMAGENET, 9), graph(reference, reference.arch(), IMAGENET, 9)
    assert ours.hash == theirs.hash


@pytest.mark.parametrize(("depth", "layers"), [(1, 8), (2, 14), (3, 20), (5, 32)])
def test_resnets_of_cifar(depth, layers):
    """6 n + 2 layers; the projections of both wider stages are no layers of the count."""
    space = residual((3, 32, 32))
    arch = space.arch({"stem.width": 16, **resnet("basic", (depth,) * 3, (16, 32, 64))})
    nodes = graph(space, arch, (3, 32, 32), 10).nodes
    layers_with_weights = [n for n in nodes if n.op.kind in ("conv", "linear")]
    assert len([n for n in layers_with_weights if "shortcut" not in n.name]) == layers
    assert len([n for n in layers_with_weights if "shortcut" in n.name]) == 2


def test_stems_of_large_images_pool_or_convolve():
    space = residual()
    pooled, convolved = (space.arch({"stem.down": how}) for how in ("pool", "conv"))
    for arch, op in ((pooled, Pool("max", 3, 2, 1)), (convolved, Conv(16, 3, 2))):
        nodes = graph(space, arch, IMAGENET, 10).nodes
        (down,) = [node for node in nodes if node.op == op and node.name.startswith("stem.down")]
        assert down.shape == (16, 56, 56)


# --- transformers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "parameters"), [(192, 5_717_416), (384, 22_050_664)])
def test_deit(width, parameters):
    """DeiT-Ti and DeiT-S, with the parameter counts of timm 1.0."""
    space = vit()
    fixed = {"stem.width": width, "stem.position": "learned", "classifier.pool": "token"}
    blocks = {
        f"block.{i}.{k}": v for i in range(12) for k, v in (("attention", width), ("expand", 4))
    }
    arch = space.arch({**fixed, "block.depth": 12, **blocks})
    assert size(space, arch, IMAGENET, 1000)[0] == parameters
    if width == 192:
        reference = vittiny()
        theirs = graph(reference, reference.arch(), IMAGENET, 1000)
        assert graph(space, arch, IMAGENET, 1000).hash == theirs.hash


@pytest.mark.parametrize(
    ("input", "tokens"),
    [
        (IMAGENET, 14 * 14),
        ((3, 32, 32), 8 * 8),
        ((1, 28, 28), 7 * 7),
        ((1, 8, 8), 4 * 4),
        ((1, 16, 16, 16), 4**3),
        ((1, 128), 64),
        ((1, 3, 500), 62),  # no patch is larger than the image
    ],
)
def test_patches_leave_few_tokens(input, tokens):
    space = vit(input)
    (node,) = [n for n in graph(space, space.arch(), input, 2).nodes if n.op.kind == "class_token"]
    assert node.shape[1] == tokens + 1


def test_the_mean_of_a_text_reads_its_ids():
    """So that padding is left out of it."""
    space = transformer((6,), vocabulary=20)
    nodes = graph(space, space.arch(), (6,), 3).nodes
    (mean,) = [node for node in nodes if node.op.kind == "masked_mean"]
    values, ids = mean.inputs
    assert nodes[values].shape == (32, 6)
    assert nodes[ids].op.kind == "input"


# --- series, speech, tables -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "left"), [(32, 8), (64, 8), (128, 8), (500, 16), (1000, 16), (16_000, 63)]
)
def test_stages_of_a_series_halve_it_until_few_steps_are_left(length, left):
    space = series((2, length))
    nodes = graph(space, space.arch(), (2, length), 3).nodes
    (last,) = [nodes[n.inputs[0]] for n in nodes if n.op.kind == "global_pool"]
    assert last.shape[1] == left


def test_hello_edge():
    """64, 172 and 276 channels: the paper's small, medium and large."""
    space = speech()
    assert {64, 172, 276} < set(space.decision("width").options)
    input = (1, 49, 10)
    arch = space.arch({"width": 64, "block.depth": 4, "stem.window": "long"})
    parameters, _ = size(space, arch, input, 12)
    published = 23_756 - 9 * 64  # of MLPerf Tiny, less the biases of its nine convolutions
    stem = 64 * (9 * 5 - 10 * 4)
    assert parameters == published + stem


def test_tables_with_categories():
    space = mlp((5,), (3, 4))
    arch = space.arch({"width": 16, "stem.embedding": 4})
    (columns,) = [n for n in graph(space, arch, (5,), 2).nodes if n.op.kind == "columns"]
    assert columns.shape == (3 + 2 * 4,)
    assert "stem.embedding" not in {d.name for d in mlp((5,)).decisions()}
    with pytest.raises(SpaceError, match="2 categories, got rows of 1"):
        mlp((1,), (3, 4))


# --- what a space is for --------------------------------------------------------------------------

TAKES: Mapping[str, set[str]] = {
    "speech": {"images"},
    "dscnn": {"images"},
    "series": {"series"},
    "transformer": {"rows"},
    "textcnn": {"rows"},
    "mlp": {"rows"},
    "unet": {"images", "volumes"},
}


@pytest.mark.parametrize("name", SPACES)
def test_a_space_takes_its_samples_and_refuses_others_in_a_line(name):
    takes = TAKES.get(name, {"series", "images", "volumes"})
    assert set(kinds_of(partial(make_space, name))) == takes
    for kind in takes:
        space = make_space(name, KINDS[kind])
        positions = KINDS[kind][1:] if name in MASKS else ()
        assert graph(space, space.extremes()[1], KINDS[kind], 2).output == (2, *positions)
    for kind in KINDS.keys() - takes:
        if name in REFERENCES:  # it is what it is, and its graph says what does not fit
            continue
        with pytest.raises(SpaceError) as error:
            make_space(name, KINDS[kind])
        said = str(error.value)
        assert said.startswith(f"space {name!r} needs {min(takes, key=list(KINDS).index)}")
        assert said.endswith(f"got a sample of shape {KINDS[kind]}")
        assert "\n" not in said
