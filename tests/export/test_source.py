"""model.py: the same numbers as the module, readable, and free of Brickwork."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from export_networks import (
    CASES,
    FAMILIES,
    HEAD,
    INPUTS,
    WIRED,
    Strange,
    every_op,
    graph_of,
    member,
    raw,
    relative,
    relatives,
    wired,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from random_spaces import spaces
from safetensors.numpy import save_file

from brickwork.errors import ExportError, ShapeError
from brickwork.export.onnx import random_weights
from brickwork.export.runtimes import run_torch
from brickwork.export.source import write_source
from brickwork.export.source.merge import Merged, Outline, merge
from brickwork.space import (
    Activation,
    Add,
    Conv,
    ConvNorm,
    Embedding,
    GlobalPool,
    Graph,
    Identity,
    Linear,
    MaskedMean,
    Norm,
    Normalize,
    Parallel,
    Repeat,
    Residual,
    Seq,
    Shape,
    SqueezeExcite,
    TransformerBlock,
    graph,
)
from brickwork.spaces.references import PUBLISHED, dscnn, mobilenetv2, resnet8
from brickwork.trial import rng_for


def loaded(source: str) -> dict[str, Any]:
    """The names that a source defines."""
    names: dict[str, Any] = {"__name__": "model", "__file__": "model.py"}
    exec(compile(source, "model.py", "exec"), names)
    return names


def run_source(
    source: str, weights: dict[str, NDArray[Any]], x: NDArray[np.float32]
) -> NDArray[np.float32]:
    net = loaded(source)["Net"]()
    net.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in weights.items()})
    with torch.inference_mode():
        return net.eval()(torch.from_numpy(x)).numpy()


def check_equal(whole: Graph) -> str:
    """Keys and numbers are those of the module; returns the source."""
    weights = random_weights(whole, rng_for(0, "weights"))
    source = write_source(whole, "test")
    x = raw(whole)
    assert relative(run_torch(whole, weights, x), run_source(source, weights, x)) < 1e-5
    return source


def classes(source: str) -> list[str]:
    return re.findall(r"^class (\w+)\(", source, re.MULTILINE)


def formatted(source: str) -> bool:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "-"]
    return subprocess.run(command, input=source.encode(), capture_output=True).returncode == 0


@pytest.mark.parametrize(("axes", "name"), CASES)
def test_every_op_computes_what_the_module_does(axes: int, name: str):
    channels = INPUTS[axes][0]
    normalize = Normalize(tuple(-1.0 + i for i in range(channels)), (30.0,))
    whole = graph_of(every_op(axes)[name], INPUTS[axes], normalize=normalize)
    assert formatted(check_equal(whole))


@pytest.mark.parametrize("input", [(2, 64), (1, 28, 28), (3, 100, 90), (1, 16, 16, 16)])
def test_random_members_of_the_mobile_space(input: Shape):
    for seed in range(4):
        source = check_equal(member(input, seed))
        assert any(name.startswith("Inverted") for name in classes(source))
        assert len(classes(source)) <= 5
        assert formatted(source)


@pytest.mark.parametrize("name", WIRED)
def test_networks_whose_connections_are_searched(name: str):
    for whole in wired(name):
        check_equal(whole)


@pytest.mark.parametrize("name", FAMILIES)
def test_members_of_families(name: str):
    for whole in relatives(name):
        check_equal(whole)


@settings(max_examples=60)
@given(spaces(), st.sampled_from([(2, 7), (2, 6, 5), (1, 5, 5, 4)]), st.integers(0, 9))
def test_whatever_a_space_may_hold(space: Any, input: Shape, seed: int):
    whole = graph(space, space.sample(rng_for(seed, "arch")), input, 5)
    weights = random_weights(whole, rng_for(seed, "weights"))
    try:
        expected = run_torch(whole, weights, raw(whole) / 255)
    except (RuntimeError, ShapeError):  # PyTorch's pools refuse windows that pad a lot
        assume(False)
    assume(0 < np.abs(expected).max() < 1e6)
    found = run_source(write_source(whole, "random"), weights, raw(whole) / 255)
    assert relative(expected, found) < 1e-5


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (resnet8, ["ConvNorm", "Classifier", "Stage", "Net"]),
        (mobilenetv2, ["ConvNorm", "Classifier", "InvertedResidual", "Net"]),
        (dscnn, ["Classifier", "SeparableConv", "Net"]),
    ],
)
def test_one_class_for_each_kind_of_block(make: Any, expected: list[str]):
    space = make()
    input, outputs = PUBLISHED[space.name]
    whole = graph(space, space.arch(), input, outputs, Normalize((128.0,), (64.0,)))
    source = check_equal(whole)
    assert classes(source) == expected
    assert formatted(source)
    if space.name == "mobilenetv2":
        assert "InvertedResidual(24, 144, 24, expand=True, skip=True)" in source


def test_optional_parts_become_arguments():
    def block(*parts: Any) -> Any:
        return Seq(Seq(Conv(6, 1), name="first"), *parts, Seq(Conv(6, 3), Norm(), name="last"))

    plain, gated = block(), block(SqueezeExcite())
    body = Seq(
        Seq(ConvNorm(6, 3), name="stem"),
        Repeat("stage", Residual(gated), 3, first=plain),
        Repeat("other", Residual(plain), 2, first=gated),
        HEAD,
    )
    source = check_equal(graph_of(body))
    assert classes(source) == ["Head", "SqueezeExcite", "StageBlock", "Net"]
    assert "StageBlock(6, 6, 6, se_hidden=4, skip=True)" in source
    assert "StageBlock(6, 6, 6)," in source


def test_what_pytorch_lacks_is_written_only_where_it_is_used():
    parts = ("class IdEmbedding", "def masked_mean", "def attend", "class ChannelNorm", "def chain")

    def found(body: Any, input: Shape) -> list[bool]:
        source = write_source(graph_of(body, input), "test")
        return [f"\n{part}(" in source for part in parts]

    text = Parallel((Embedding(9, 4), Identity()), MaskedMean())
    assert found(text, (6,)) == [True, True, False, False, False]
    assert found(TransformerBlock(2), (4, 6)) == [False, False, True, True, True]
    named = Seq(Seq(Conv(3, 3), name="attend"), Seq(Norm(), name="masked_mean"), HEAD)
    assert found(named, (3, 6))[1:3] == [False, False]


def test_attention_of_several_widths_is_one_class():
    body = Seq(
        Repeat("small", TransformerBlock(2, 4), 2),
        Repeat("large", TransformerBlock(2, 8, expand=2), 2),
        GlobalPool(),
        Linear(),
    )
    source = check_equal(graph_of(body, (6, 10)))
    assert [name for name in classes(source) if name.startswith("Attention")] == ["Attention"]
    assert "hidden" in source
    assert formatted(source)


def test_constants_of_many_columns_are_laid_out():
    normalize = Normalize(tuple(float(i) for i in range(40)), (2.0,))
    whole = graph_of(Seq(Linear(3), Linear()), (40,), normalize=normalize)
    assert formatted(check_equal(whole))


def test_names_that_form_no_modules_are_written_flat():
    interrupted = Seq(Seq(Conv(4), name="a"), Seq(Conv(4), name="b"), Seq(Conv(4), name="a"), HEAD)
    shared = Parallel((Seq(Conv(4), name="conv"), Conv(4)), Add())  # an op and a scope: "conv"
    for body in (interrupted, shared, Identity()):
        source = check_equal(graph_of(body))
        assert classes(source) == ["Net"]
        assert formatted(source)


def test_any_name_of_a_scope_is_possible():
    names = ("half", "lambda", "train", "3x3", "a b", "ops", "mean", "Net", "chain")
    body = Seq(*(Seq(Residual(Seq(Conv(3, 3), name="skip")), name=name) for name in names), HEAD)
    source = check_equal(graph_of(body))
    assert formatted(source)


def test_unnamed_branches():
    branch = Seq(Conv(3, 1), Activation())
    body = Seq(Seq(Parallel((Identity(), branch, branch), Add()), name="mix"), HEAD)
    assert formatted(check_equal(graph_of(body)))


def test_it_needs_torch_and_safetensors_only_and_runs_nothing():
    tree = ast.parse(write_source(member((1, 28, 28), 0), "test"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("exec", "eval", "compile", "open", "__import__")
    assert imported - set(sys.stdlib_module_names) == {"torch", "safetensors", "numpy"}
    top = [type(node) for node in tree.body]
    allowed = {
        ast.Expr,
        ast.ImportFrom,
        ast.Import,
        ast.ClassDef,
        ast.FunctionDef,
        ast.Assign,
        ast.If,
    }
    assert set(top) <= allowed


def test_the_docstring_says_what_goes_in_and_comes_out():
    whole = member((1, 28, 28), 0)
    text = ast.get_docstring(ast.parse(write_source(whole, "model ab", classes=["cat", "dog"])))
    assert text is not None
    for part in ("model ab", "(batch, 1, 28, 28)", "(batch, 5)", "cat, dog", "parameters"):
        assert part in text


def test_no_name_can_break_out_of_the_docstring():
    nasty = '"""\nimport os\n"""\\'
    source = write_source(member((1, 28, 28), 0), nasty, classes=[nasty, "b" * 300])
    assert "import os" not in [line.strip() for line in source.splitlines()]
    loaded(source)


def test_an_op_without_source_is_named():
    with pytest.raises(ExportError, match=r"scope\.strange.*'strange'"):
        write_source(graph_of(Seq(Seq(Strange(), name="scope"), HEAD)), "test")


def test_the_file_checks_itself_in_a_python_of_its_own(tmp_path: Path):
    whole = member((1, 12, 12), 0)
    weights = random_weights(whole, rng_for(0, "weights"))
    (tmp_path / "model.py").write_text(write_source(whole, "test"))
    save_file(weights, tmp_path / "weights.safetensors")
    x = raw(whole).astype(np.uint8)
    logits = run_torch(whole, weights, x)
    np.savez(tmp_path / "golden.npz", inputs=x, logits=logits)
    command = [sys.executable, "-I", str(tmp_path / "model.py")]
    good = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    assert re.search(r"difference to golden\.npz: (\d\.\de-0[6-9]|0\.0e\+00)", good.stdout)
    np.savez(tmp_path / "golden.npz", inputs=x, logits=logits + 1.0)
    with pytest.raises(SystemExit, match="does not reproduce"):
        runpy.run_path(str(tmp_path / "model.py"), run_name="__main__")


def outlines(*statements: tuple[Any, ...]) -> tuple[Outline, ...]:
    return tuple(Outline(name, name, tuple(inputs)) for name, *inputs in statements)


def test_what_is_left_out_hands_its_input_on():
    whole = outlines(("a", -1), ("b", "a"), ("gate", "b"), ("add", "gate", -1))
    for variant in (
        outlines(("a", -1), ("b", "a"), ("add", "b", -1)),
        outlines(("b", -1), ("gate", "b"), ("add", "gate", -1)),
        outlines(("a", -1), ("b", "a"), ("gate", "b")),
    ):
        merged = merge(Merged(whole, (whole,)), variant)
        assert merged is not None
        assert merged.outlines == whole
        assert merged.optional == {o.name for o in whole} - {o.name for o in variant}


def test_what_is_wired_otherwise_is_another_class():
    whole = outlines(("a", -1), ("b", "a"), ("c", "b"), ("add", "c", -1))
    for variant in (
        outlines(("a", -1), ("b", "a"), ("c", "b"), ("add", "c", "a")),
        outlines(("b", -1), ("a", "b"), ("c", "a"), ("add", "c", -1)),
        outlines(("a", -1), ("b", -1), ("c", "b"), ("add", "c", -1)),
        outlines(("a", -1), ("other", "a")),
    ):
        assert merge(Merged(whole, (whole,)), variant) is None
