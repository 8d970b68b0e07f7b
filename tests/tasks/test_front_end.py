"""The front end: the same in the package, in the files that go with a model, and in C."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from brickwork.errors import DataError
from brickwork.tasks.sound.c_source import memory_of
from brickwork.tasks.sound.front_end import (
    clip_length,
    files_of,
    frames_of,
    settings_of,
    with_range,
)
from brickwork.tasks.sound.prepare import decibels, filters, fitted, prepare

RATES = {8000: "", 16000: "window=25ms,hop=10ms,mels=40,gain=0dB", 44100: "length=500ms"}


def settings(rate: int) -> dict[str, Any]:
    plain = settings_of(RATES[rate], rate, rate // 2, "here")
    return {**plain, "low_db": -55.3, "high_db": 17.2}


def waves(rate: int, count: int = 6) -> list[np.ndarray]:
    """Loud and soft, long and short."""
    rng = np.random.default_rng(rate)
    made = []
    for number in range(count):
        at = np.arange(rate // 5 + number * rate // 7) / rate
        tone = np.sin(2 * np.pi * (200 * at + 300 * number * at**2))
        noise = rng.standard_normal(len(at))
        loud = 10.0 ** -(number / 2)
        made.append(np.round(32767 * np.clip(loud * (tone + 0.1 * noise), -1, 1)).astype(np.int16))
    return made


def written(folder: Path, about: dict[str, Any]) -> Path:
    for name, text in files_of(about).items():
        (folder / name).write_text(text)
    return folder


def loaded(folder: Path) -> ModuleType:
    """``prepare.py`` as somebody loads it who has no Brickwork."""
    spec = importlib.util.spec_from_file_location("prepare_alone", folder / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("rate", RATES)
def test_files_alone_do_the_same(rate, tmp_path):
    about = settings(rate)
    alone = loaded(written(tmp_path, about))
    assert "brickwork" not in (tmp_path / "prepare.py").read_text().lower()
    for wave in waves(rate):
        np.testing.assert_array_equal(alone.prepare(wave), prepare(wave, about))
    golden = json.loads((tmp_path / "prepare.json").read_text())["golden"]
    np.testing.assert_array_equal(
        prepare(np.array(golden["waveform"], np.int16), about), golden["features"]
    )
    assert np.ptp(golden["features"]) > 100
    assert alone.golden_vectors_hold()
    text = (tmp_path / "prepare.json").read_text().replace('"low_db": -55.3', '"low_db": -45')
    (tmp_path / "prepare.json").write_text(text)
    assert not alone.golden_vectors_hold()


@pytest.mark.parametrize("rate", RATES)
def test_c_is_within_a_step(rate, tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    about = settings(rate)
    main = """#include <stdio.h>
#include "front_end.h"
static int16_t samples[FRONT_END_SAMPLES];
static uint8_t features[FRONT_END_FRAMES * FRONT_END_MELS];
int main(void)
{
    while (fread(samples, 2, FRONT_END_SAMPLES, stdin) == FRONT_END_SAMPLES) {
        front_end(samples, features);
        fwrite(features, 1, sizeof features, stdout);
    }
    return 0;
}
"""
    (written(tmp_path, about) / "main.c").write_text(main)
    flags = "-std=c99 -Wall -Wextra -Werror -pedantic -Wdouble-promotion -Wconversion -O2"
    sanitized = "-fsanitize=undefined,address -fno-sanitize-recover=all"
    command = ["gcc", *flags.split(), *sanitized.split(), "main.c", "front_end.c", "-o", "program"]
    subprocess.run([*command, "-lm"], cwd=tmp_path, check=True)
    fit = [fitted(wave, about["samples"]) for wave in (*waves(rate), np.zeros(9, np.int16))]
    done = subprocess.run(
        [tmp_path / "program"], input=np.stack(fit).tobytes(), capture_output=True, check=True
    )
    shape = (len(fit), 1, frames_of(about), about["mels"])
    got = np.frombuffer(done.stdout, np.uint8).reshape(shape).astype(int)
    wanted = np.stack([prepare(wave, about) for wave in fit]).astype(int)
    assert np.abs(got - wanted).max() <= 1
    assert (got != wanted).mean() < 1e-3


@pytest.mark.parametrize("rate", RATES)
def test_the_memory_that_c_takes_is_that_of_its_arrays(rate):
    about = settings(rate)
    found = {True: 0, False: 0}
    for constant, kind, count in re.findall(
        r"^static (const )?(float|uint16_t) \w+\[(\d+)\]", files_of(about)["front_end.c"], re.M
    ):
        found[bool(constant)] += {"float": 4, "uint16_t": 2}[kind] * int(count)
    assert memory_of(about) == (found[True], found[False])


def test_filters_cover_every_band():
    for rate, fft, mels in ((8000, 64, 16), (16000, 512, 40), (16000, 128, 32)):
        bank = filters(rate, fft, mels, 60.0, rate / 2)
        assert bank.shape == (mels, fft // 2 + 1)
        assert (bank.max(axis=1) > 0).all()
        assert (np.diff(bank.argmax(axis=1)) >= 0).all()


def test_a_tone_is_where_it_belongs():
    about = settings(16000)
    at = np.arange(8000) / 16000
    bank = filters(16000, about["fft"], about["mels"], about["low_hz"], about["high_hz"])
    for hz in (300, 1000, 4000):
        power = decibels(0.5 * np.sin(2 * np.pi * hz * at), about).mean(axis=0)
        best = bank[power.argmax()]
        near = np.flatnonzero(best > 0) * 16000 / about["fft"]
        assert near.min() - 100 <= hz <= near.max() + 100


def test_clips_are_made_equally_loud_but_silence_is_not():
    about = settings(8000)
    wave = waves(8000)[0]
    np.testing.assert_array_equal(prepare(wave / 65536, about), prepare(wave / 131072, about))
    assert prepare(wave / 2**26, about).mean() < prepare(wave, about).mean() - 10
    plain = {**about, "gain": 0.0}
    assert prepare(wave / 2**17, plain).mean() < prepare(wave, plain).mean() - 10


def test_integers_and_fractions_are_one_scale():
    about = settings(8000)
    wave = waves(8000)[0]
    np.testing.assert_array_equal(prepare(wave, about), prepare(wave / 32768.0, about))


@pytest.mark.parametrize(("count", "first"), [(3, None), (10, 0), (11, 0), (14, 2), (15, 2)])
def test_clips_keep_their_middle(count, first):
    got = fitted(np.arange(1, count + 1), 10)
    assert len(got) == 10
    if first is None:
        np.testing.assert_array_equal(got, [0, 0, 0, 1, 2, 3, 0, 0, 0, 0])
    else:
        np.testing.assert_array_equal(got, np.arange(1, 11) + first)


def test_lengths():
    assert clip_length(np.array([8000] * 9 + [8500]), 8000) == 8500
    assert clip_length(np.array([4000] * 99 + [40000]), 8000) == 4000
    assert clip_length(np.array([4000] * 5 + [40000] * 2), 8000) == 16000
    assert clip_length(np.full(9, 40000), 8000) == 40000
    assert clip_length(np.full(9, 10**6), 8000) == 80000


@pytest.mark.parametrize(
    ("rate", "seconds"), [(8000, 0.8), (16000, 1.0), (16000, 2.0), (44100, 5.0)]
)
def test_usual_settings_are_of_a_sensible_size(rate, seconds):
    about = settings_of("", rate, int(rate * seconds), "here")
    assert 45 <= frames_of(about) <= 105
    assert 20 <= about["mels"] <= 40
    assert abs(about["samples"] / rate - seconds) < 0.1


def test_asked_settings_are_kept():
    about = settings_of("window=25ms, hop=0.02s, length=1s, mels=24", 16000, 5000, "here")
    assert (about["window"], about["hop"], about["mels"]) == (400, 320, 24)
    assert abs(about["samples"] - 16000) <= 160


@pytest.mark.parametrize(
    "text", ["window=25", "mels=20ms", "gain=3", "wndow=25ms", "hop", "mels=1.2.3", "mels=4",
             "mels=20.5", "gain=200dB", "window=25ms,window=30ms",
             "window=2s", "hop=0ms", "length=20ms"],
)  # fmt: skip
def test_settings_that_make_no_sense(text):
    with pytest.raises(DataError, match=r"front end|frames") as caught:
        settings_of(text, 16000, 16000, "here")
    assert "\n" not in str(caught.value)


def test_the_range_is_that_of_sound():
    clips = np.empty(20, object)
    clips[:] = [wave for rate in (8000,) for wave in waves(rate, 20)]
    about = with_range(settings_of("", 8000, 4000, "here"), clips, "here")
    assert about["high_db"] - about["low_db"] >= 20
    silent = np.empty(2, object)
    silent[:] = [np.zeros(4000, np.int16)] * 2
    with pytest.raises(DataError, match="silent"):
        with_range(settings_of("", 8000, 4000, "here"), silent, "here")
