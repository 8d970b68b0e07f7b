"""C files on emulated cores: the bits of the host, and counts that are the same every time."""

from pathlib import Path

import numpy as np
import pytest
from export_networks import member
from integer_networks import integers, network_of, quantized

from brickwork.errors import ExportError, UnknownName
from brickwork.export.c import write_c
from brickwork.export.c.emulator import CORES, emulate, why_no_emulator
from brickwork.export.integer.network import IntegerNetwork
from brickwork.export.integer.reference import run
from brickwork.quantity import How

emulated = pytest.mark.skipif(bool(why_no_emulator()), reason=why_no_emulator() or "-")

CLOCK_HZ = {"mps2-an505": 20e6, "mps3-an547": 32e6}  # of SysTick; others 25 MHz


def small() -> IntegerNetwork:
    shapes = [(8, 8, 3), (8, 8, 8), (4, 4, 8), (4, 4, 9), (9,), (5,), (5,)]
    layers = [
        {"kind": "CONV_2D", "kernel": (3, 3), "pads": (1, 1, 1, 1), "activation": "relu"},
        {"kind": "DEPTHWISE_CONV_2D", "kernel": (3, 3), "stride": (2, 2), "pads": (0, 1, 0, 1)},
        {"kind": "CONV_2D"},
        {"kind": "MEAN"},
        {"kind": "FULLY_CONNECTED"},
        {"kind": "SOFTMAX"},
    ]
    return network_of(shapes, layers)


@emulated
def test_all_cores_give_the_same_bits() -> None:
    network = small()
    q = integers(network)
    found = emulate(write_c(network), q)
    assert list(found) == list(CORES)
    expected = run(network, q)
    for name, emulation in found.items():
        np.testing.assert_array_equal(emulation.outputs, expected, err_msg=name)
        clock = CLOCK_HZ.get(CORES[name].machine, 25e6)
        assert emulation.tick_instructions == pytest.approx(1e9 / clock, rel=1e-3)
        assert len(emulation.layers) == len(network.steps)
        assert 0 < emulation.flash_bytes < 12_000
        total = emulation.total
        assert total.how is How.SIMULATED
        assert "not cycles" in total.source
        assert total.value == pytest.approx(sum(layer.value for layer in emulation.layers))
        macs = sum(network.program.macs(layer) for layer in network.program.layers)
        assert macs < total.value < 30 * macs


@emulated
def test_counts_are_the_same_every_time() -> None:
    network = small()
    files, q = write_c(network), integers(network)
    one, other = [emulate(files, q[:1], ["cortex-m4"])["cortex-m4"] for _ in range(2)]
    assert one.ticks == other.ticks
    assert one.tick_instructions == other.tick_instructions


@emulated
@pytest.mark.device
@pytest.mark.parametrize("seed", range(3))
def test_random_networks_on_all_cores(seed: int) -> None:
    network = quantized(member((3, 16, 12), seed))
    q = integers(network)
    for name, emulation in emulate(write_c(network), q).items():
        np.testing.assert_array_equal(emulation.outputs, run(network, q), err_msg=name)


@emulated
def test_a_network_that_does_not_fit() -> None:
    wide = network_of([(64, 128, 1), (64, 128, 80)], [{"kind": "CONV_2D"}])
    with pytest.raises(ExportError, match=r"compiling .* cortex-m55 .*RAM.* overflowed by"):
        emulate(write_c(wide), integers(wide, 1), ["cortex-m55"])


@emulated
def test_a_core_that_hangs_is_given_up() -> None:
    files = write_c(small())
    with pytest.raises(ExportError, match=r"took over 0\.01 s"):
        emulate(files, integers(small()), ["cortex-m3"], timeout_s=0.01)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    reason = why_no_emulator()
    assert "arm-none-eabi-gcc is not installed" in reason
    assert "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi" in reason
    assert "cannot be tried" in reason
    with pytest.raises(ExportError, match="arm-none-eabi-gcc is not installed"):
        emulate(write_c(small()), integers(small()))


def test_a_compiler_without_a_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "arm-none-eabi-gcc"
    fake.write_text("#!/bin/sh\necho nano.specs\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = why_no_emulator()
    assert reason.startswith("arm-none-eabi-gcc has no C library")
    assert reason.endswith("(on Debian: apt install libnewlib-arm-none-eabi)")


def test_a_core_that_is_not_known() -> None:
    with pytest.raises(UnknownName, match="did you mean 'cortex-m4'"):
        emulate(write_c(small()), integers(small()), ["cortex-m44"])
