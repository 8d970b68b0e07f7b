"""C files as texts, as a module of somebody's program, and in memory."""

import re
import shutil
import subprocess
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catalogue import CATALOGUE
from export_networks import member
from integer_networks import compiled, integers, network_of, quantized

from brickwork.devices.lowering import lower, why_not
from brickwork.errors import ExportError
from brickwork.export.c import CFiles, write_c
from brickwork.export.c.host import SANITIZED, STRICT, compile_c, run_c
from brickwork.export.c.naming import checked_name, plain
from brickwork.export.c.placing import place
from brickwork.export.integer.network import Input, IntegerNetwork, Scale, Step
from brickwork.export.integer.reference import run
from brickwork.space import Graph, graph
from brickwork.trial import rng_for

CONV: dict[str, Any] = {"kind": "CONV_2D", "kernel": (3, 3), "pads": (1, 1, 1, 1)}


def small(bytes: bool = False) -> IntegerNetwork:
    shapes = [(6, 5, 2), (6, 5, 4), (6, 5, 4), (4,), (3,)]
    layers = [
        {**CONV, "activation": "relu"},
        {"kind": "DEPTHWISE_CONV_2D", "kernel": (3, 3), "pads": (1, 1, 1, 1)},
        {"kind": "MEAN"},
        {"kind": "FULLY_CONNECTED"},
    ]
    return network_of(shapes, layers, bytes=bytes)


def empty(whole: Graph) -> IntegerNetwork:
    """A network without weights, for what depends on shapes only."""
    program = lower(whole)
    steps = tuple([Step(layer) for layer in program.layers])
    return IntegerNetwork(program, (Scale(1.0, 0),) * len(program.shapes), steps, Input(False))


# --- texts ----------------------------------------------------------------------------------------


def test_the_same_text_every_time() -> None:
    assert write_c(small()) == write_c(small())


def test_only_what_is_needed_is_written() -> None:
    text = write_c(small()).source
    defined = set(re.findall(r"^static (?:inline )?\w+ (\w+)\(", text, re.M))
    kernels = {"convolution", "depthwise", "mean", "dense", "scaled", "clamped", "inside"}
    assert defined >= kernels
    assert not defined & {"add", "multiply", "pad", "look_up", "join", "pointwise"}


def test_lines_are_short_and_plain() -> None:
    files = write_c(quantized(member((3, 16, 12), 0)), "net", "Möbius */ ??/ \\ net\n" * 9)
    for text in (files.source, files.header):
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 130  # the table of layers
        assert not [line for line in text.splitlines() if line != line.rstrip()]
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
    assert plain("a */ b") == "a * / b"


def test_the_table_adds_up() -> None:
    network = quantized(member((3, 16, 12), 1))
    files = write_c(network)
    total = sum(network.program.macs(layer) for layer in network.program.layers)
    last = next(line for line in files.source.splitlines() if line.endswith(" bytes"))
    assert last.split()[1:] == [
        str(total),
        str(files.constant_bytes),
        str(files.arena_bytes),
        "bytes",
    ]
    assert f"#define MODEL_ARENA_BYTES {files.arena_bytes}\n" in files.header


@pytest.mark.parametrize("name", ["", "1st", "a b", "int", "class", "a__b", "_a", "é", "x" * 41])
def test_names_that_are_none_in_c(name: str) -> None:
    with pytest.raises(ExportError, match="in C"):
        write_c(small(), name)
    with pytest.raises(ExportError, match="in C"):
        checked_name(name)


def test_a_network_that_computes_nothing() -> None:
    with pytest.raises(ExportError, match="computes nothing"):
        write_c(network_of([(2, 2, 1), (4,)], [{"kind": "RESHAPE"}]))


def test_a_kind_that_is_not_known() -> None:
    network = network_of([(2, 2, 1), (2, 2, 1)], [{"kind": "RELU"}])
    strange = Step(network_of([(4,), (4,)], [{"kind": "RELU"}]).steps[0].layer)
    layer = type(strange.layer)("SVDF", -1, (0,), 1)
    whole = IntegerNetwork(network.program, network.scales, (Step(layer),), network.input)
    with pytest.raises(ExportError, match="no SVDF"):
        write_c(whole)


# --- as a module of a program ---------------------------------------------------------------------

_OUTSIDE = """#include <stdio.h>
#include "net.h"

int main(void)
{
    static RAW raw[NET_INPUT_SIZE];
    static int8_t quantized[NET_INPUT_SIZE];
    while (fread(raw, sizeof(RAW), NET_INPUT_SIZE, stdin) == NET_INPUT_SIZE) {
        net_quantize(raw, quantized);
        fwrite(quantized, 1, NET_INPUT_SIZE, stdout);
        fwrite(net_run(quantized), 1, NET_OUTPUT_SIZE, stdout);
        net_quantize(raw, net_input());
        for (int layer = 0; layer < NET_LAYERS; ++layer) {
            net_layer(layer);
        }
        fwrite(net_output(), 1, NET_OUTPUT_SIZE, stdout);
    }
    return 0;
}
"""


@compiled
@pytest.mark.parametrize("bytes", [False, True])
def test_raw_samples_an_input_elsewhere_and_single_layers(bytes: bool, tmp_path: Path) -> None:
    network = small(bytes)
    rng = rng_for(0, "raw")
    if bytes:
        raw = rng.integers(0, 256, (5, 2, 6, 5)).astype(np.uint8)
    else:
        raw = (rng.normal(0.0, 4.0, (5, 2, 6, 5))).astype(np.float32)
        scale, way = network.scales[0].scale, network.input
        ties = (np.arange(-15, 15) + 0.5) * scale * way.std[0] + way.mean[0]
        raw[1, 0] = ties.reshape(6, 5)  # near a tie, where rounding is decided
        raw[2, 0, 0] = 1e9, -1e9, 3e38, -3e38, 0.0
    main = _OUTSIDE.replace("RAW", "uint8_t" if bytes else "float")
    program = compile_c(write_c(network, "net"), main, tmp_path, ("-O1",))
    last = np.ascontiguousarray(np.moveaxis(raw, 1, -1))
    done = subprocess.run([program], input=last.tobytes(), capture_output=True, check=True)
    parts = np.frombuffer(done.stdout, np.int8).reshape(5, -1)
    q = network.input.quantized(raw, network.scales[0])
    expected = run(network, q)
    np.testing.assert_array_equal(parts[:, :60].reshape(q.shape), q)
    np.testing.assert_array_equal(parts[:, 60:63], expected)
    np.testing.assert_array_equal(parts[:, 63:], expected)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++: apt install g++")
def test_cplusplus_can_read_the_header(tmp_path: Path) -> None:
    (tmp_path / "net.hpp").write_text(write_c(small(), "net").header)
    command = ["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "net.hpp"]
    subprocess.run(command, cwd=tmp_path, check=True)


@compiled
def test_conversions_are_explicit(tmp_path: Path) -> None:
    flags = ("-O2", "-Wconversion", "-Wshadow", "-Wdouble-promotion", "-Wundef", "-c")
    files = write_c(quantized(member((3, 16, 12), 2)), "net")
    (tmp_path / "net.h").write_text(files.header)
    (tmp_path / "net.c").write_text(files.source)
    subprocess.run(["cc", *STRICT, *flags, "net.c"], cwd=tmp_path, check=True)


@compiled
def test_what_is_not_a_number_has_some_integer(tmp_path: Path) -> None:
    main = _OUTSIDE.replace("RAW", "float")
    program = compile_c(write_c(small(), "net"), main, tmp_path, ("-O0", *SANITIZED))
    raw = np.full(60, np.nan, np.float32)
    done = subprocess.run([program], input=raw.tobytes(), capture_output=True, check=True)
    assert set(np.frombuffer(done.stdout, np.int8)[:60].tolist()) == {127}


@compiled
def test_sequences_of_any_length() -> None:
    shapes = [(1, 70_000, 1), (1, 35_000, 2), (1, 1, 2), (2,)]
    layers: list[dict[str, Any]] = [
        {"kind": "CONV_2D", "kernel": (1, 3), "stride": (1, 2), "pads": (0, 0, 0, 1)},
        {"kind": "MAX_POOL_2D", "kernel": (1, 35_000), "stride": (1, 35_000)},
        {"kind": "RESHAPE"},
    ]
    network = network_of(shapes, layers)
    files, q = write_c(network), integers(network, 1)
    assert "typedef int32_t extent;" in files.source
    assert "typedef int16_t extent;" in write_c(small()).source
    np.testing.assert_array_equal(run_c(files, q, ("-O1", *SANITIZED)), run(network, q))


# --- running --------------------------------------------------------------------------------------


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ExportError, match=r"cc or gcc or clang is not installed.*apt install gcc"):
        run_c(write_c(small()), integers(small()))


@compiled
def test_what_a_compiler_complains_of_is_shown() -> None:
    files = write_c(small())
    broken = CFiles(
        **{name: getattr(files, name) for name in files.__slots__} | {"source": "int x = y;\n"}
    )
    with pytest.raises(ExportError, match=r"compiling model.c failed .*error: .*y"):
        run_c(broken, integers(small()))


@compiled
def test_a_program_that_never_ends() -> None:
    files = write_c(small())
    ending = files.source.replace("    layers[layer]();", "    for (;;) {\n    }")
    stuck = CFiles(**{name: getattr(files, name) for name in files.__slots__} | {"source": ending})
    with pytest.raises(ExportError, match=r"model.c on this machine took over 1 s"):
        run_c(stuck, integers(small()), ("-O0", "-Wno-error"), timeout_s=1.0)


@pytest.mark.parametrize("q", [np.zeros((1, 6, 5, 2)), np.zeros((6, 5, 2), np.int8)])
def test_samples_of_another_network(q: np.ndarray) -> None:
    with pytest.raises(ValueError, match="the network wants int8"):
        run_c(write_c(small()), q)


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.id)
def test_arenas_of_the_catalogue(entry: Any) -> None:
    """Never above the bound by more than 5 %, nor above what the order of the file needs."""
    for seed in range(2):
        arch = entry.space.sample(rng_for(seed, "arena"))
        whole = graph(entry.space, arch, entry.input, entry.outputs)
        if why_not(whole):
            return
        network = empty(whole)
        arena = place(network).arena
        assert arena.bound <= arena.total <= 1.05 * arena.bound
        assert arena.bound <= network.program.live_peak([prod(s) for s in network.program.shapes])


@compiled
@pytest.mark.parametrize("alignment", [4, 16])
def test_alignment(alignment: int) -> None:
    network = quantized(member((3, 16, 12), 0))
    placed = place(network, alignment)
    assert all(at % alignment == 0 for at in placed.offsets if at >= 0)
    q = integers(network)
    found = run_c(write_c(network, alignment=alignment), q, ("-O1",))
    np.testing.assert_array_equal(found, run(network, q))


def test_padding_is_skipped_and_sums_are_written_in_place() -> None:
    shapes = [(5, 5, 2), (7, 7, 2), (5, 5, 2), (5, 5, 2)]
    layers = [
        {"kind": "PAD", "pads": (1, 1, 1, 1)},
        {"kind": "CONV_2D", "kernel": (3, 3)},
        {"kind": "ADD", "inputs": (0, 2)},
    ]
    placed = place(network_of(shapes, layers))
    assert [job.layer.kind for job in placed.jobs] == ["CONV_2D", "ADD"]
    assert placed.jobs[0].layer.pads == (1, 1, 1, 1)
    assert placed.arena.total == 2 * 50
    assert placed.offsets[3] in (placed.offsets[0], placed.offsets[2])


@compiled
def test_what_is_read_later_is_not_written_over() -> None:
    shapes = [(4, 4, 2)] * 4
    layers = [
        {"kind": "CONV_2D"},
        {"kind": "LOGISTIC", "inputs": (1,)},
        {"kind": "MUL", "inputs": (1, 2)},
    ]
    network = network_of(shapes, layers)
    placed = place(network)
    assert placed.offsets[2] != placed.offsets[1]
    assert placed.offsets[3] in placed.offsets[1:3]
    q = integers(network)
    np.testing.assert_array_equal(run_c(write_c(network), q, ("-O1",)), run(network, q))


@compiled
def test_the_order_of_layers_saves_memory() -> None:
    """Two wide branches that end narrow: the first must end before the second begins."""
    shapes = [(8, 8, 2), (8, 8, 8), (8, 8, 8), (8, 8, 1), (8, 8, 1), (8, 8, 1)]
    layers = [
        {"kind": "CONV_2D", "inputs": (0,)},
        {"kind": "CONV_2D", "inputs": (0,)},
        {"kind": "CONV_2D", "inputs": (1,)},
        {"kind": "CONV_2D", "inputs": (2,)},
        {"kind": "ADD", "inputs": (3, 4)},
    ]
    network = network_of(shapes, layers)
    arena = place(network).arena
    assert arena.total == arena.bound == 64 * (2 + 8 + 1)
    q = integers(network)
    np.testing.assert_array_equal(run_c(write_c(network), q, ("-O1",)), run(network, q))


@compiled
def test_networks_share_an_arena(tmp_path: Path) -> None:
    networks = [quantized(member((1, 8, 8), seed)) for seed in (1, 2)]
    files = [
        write_c(network, f"net{i}", arena="shared_arena") for i, network in enumerate(networks)
    ]
    for one in files:
        (tmp_path / f"{one.name}.c").write_text(one.source)
        (tmp_path / f"{one.name}.h").write_text(one.header)
    size = max(one.arena_bytes for one in files)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net0.h"\n#include "net1.h"\n'
        f"int8_t shared_arena[{size}];\n"
        "int main(void)\n{\n"
        "    while (fread(net0_input(), 1, NET0_INPUT_SIZE, stdin) == NET0_INPUT_SIZE) {\n"
        "        fwrite(net0_run(net0_input()), 1, NET0_OUTPUT_SIZE, stdout);\n"
        "        if (fread(net1_input(), 1, NET1_INPUT_SIZE, stdin) != NET1_INPUT_SIZE) {\n"
        "            return 1;\n        }\n"
        "        fwrite(net1_run(net1_input()), 1, NET1_OUTPUT_SIZE, stdout);\n"
        "    }\n    return 0;\n}\n"
    )
    compiler = shutil.which("cc") or shutil.which("gcc") or "clang"
    program = tmp_path / "program"
    sources = [str(path) for path in sorted(tmp_path.glob("*.c"))]
    subprocess.run([compiler, *STRICT, *SANITIZED, "-o", str(program), *sources], check=True)
    q = [integers(network) for network in networks]
    given = b"".join(a.tobytes() + b.tobytes() for a, b in zip(*q, strict=True))
    done = subprocess.run([str(program)], input=given, capture_output=True, check=True)
    found = np.frombuffer(done.stdout, np.int8).reshape(len(q[0]), 2, -1)
    for i, network in enumerate(networks):
        np.testing.assert_array_equal(found[:, i], run(network, q[i]).reshape(len(q[i]), -1))
    with pytest.raises(ExportError, match="is no name in C"):
        write_c(networks[0], arena="not a name")
