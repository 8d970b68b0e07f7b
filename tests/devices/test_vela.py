"""Ethos-U through Vela: figures, what falls back to the CPU, and what is refused."""

from __future__ import annotations

from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest
from tflite_files import needs_mcu, network

from brickwork.devices import load_target, target_names, vela
from brickwork.devices.files import read_model
from brickwork.devices.files.tflite import read_tflite
from brickwork.devices.vela import compiled
from brickwork.errors import MissingExtra, ModelFileError
from brickwork.quantity import How

needs_mcu("flatbuffers", "tflite_micro", "ethosu")

NPUS = [name for name in target_names() if load_target(name).npu is not None]


def test_the_npus_that_are_promised():
    assert {"ethos-u55-128", "ethos-u65-256", "ethos-u85-512"} <= set(NPUS)


@pytest.mark.parametrize("name", NPUS)
def test_settings_stand_in_velas_own_file(name):
    import ethosu.vela

    npu = load_target(name).npu
    assert npu.accelerator == name
    ini = ConfigParser()
    ini.read(Path(ethosu.vela.__file__).parents[1] / "config_files" / npu.config)
    assert f"Memory_Mode.{npu.memory_mode}" in ini
    clock = ini[f"System_Config.{npu.system_config}"]["core_clock"]
    assert f"{float(clock) / 1e6:g} MHz" in npu.source


@pytest.mark.parametrize("name", ["ethos-u55-32", "ethos-u65-512", "ethos-u85-2048"])
def test_what_vela_tells(name):
    npu = load_target(name).npu
    found = compiled(read_tflite(network()), npu)
    assert found.cycles > 0
    assert found.fallbacks == {}
    latency = found.costs["latency_ms"]
    assert latency.how is How.SIMULATED
    assert latency.value == pytest.approx(1000 * found.cycles / found.clock_hz)
    assert f"{found.cycles:,} cycles" in latency.source
    assert npu.system_config in latency.source
    assert found.costs["flash_bytes"].value == len(found.content)
    assert found.costs["peak_sram_bytes"].value > 0


def test_more_units_take_no_more_cycles(shared_data: Path):
    path = shared_data / "devices" / "mlperf_tiny_models" / "pretrainedResnet_quant.tflite"
    if not path.is_file():
        pytest.skip(f"no {path}")
    model = read_model(path)
    cycles = [
        compiled(model, load_target(f"ethos-u55-{size}").npu).cycles for size in (32, 128, 256)
    ]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > 2 * cycles[-1]


def test_what_falls_back_is_named_and_not_in_the_latency():
    found = compiled(read_tflite(network(kind="FLOOR")), load_target("ethos-u55-128").npu)
    assert found.fallbacks == {"FLOOR": 1}
    assert "FLOOR" in found.reasons
    assert found.costs["latency_ms"].how is How.ESTIMATED
    assert "without what the CPU runs: 1 FLOOR" in found.costs["latency_ms"].source
    assert any("1 FLOOR" in note for note in found.notes)


def test_floats_and_wrong_settings_are_refused():
    npu = load_target("ethos-u55-128").npu
    with pytest.raises(ModelFileError, match="runs int8 and int16 files, this one works on float"):
        compiled(read_tflite(network("FLOAT32")), npu)
    with pytest.raises(ModelFileError, match="Vela cannot compile it") as caught:
        compiled(read_tflite(network()), replace(npu, system_config="Nothing"))
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelFileError, match="took over"):
        compiled(read_tflite(network()), npu, timeout_s=0.01)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(vela.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"brickwork\[mcu\]"):
        compiled(read_tflite(network()), load_target("ethos-u55-128").npu)
