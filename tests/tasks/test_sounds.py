"""Sounds as a task: where they are read from, and what is refused in one line."""

from __future__ import annotations

import struct
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brickwork.errors import BrickworkError
from brickwork.names import make_space
from brickwork.nets import build
from brickwork.space import graph
from brickwork.tasks.changing import SoundChanges, changes_of, described
from brickwork.tasks.samples import load_saved
from brickwork.tasks.sound import load_sounds
from brickwork.tasks.sound.prepare import prepare
from brickwork.tasks.sound.wav import read_sound

RATE = 8000


def tone(hz: float, seconds: float = 0.3, seed: int = 0) -> np.ndarray[Any, Any]:
    at = np.arange(round(RATE * seconds)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(at))
    return np.round(9000 * np.sin(2 * np.pi * hz * at) + 300 * noise).astype(np.int16)


def write(path: Path, samples: np.ndarray[Any, Any], rate: int = RATE, width: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def folder(root: Path, count: int = 5, splits: tuple[str, ...] = ("",)) -> Path:
    for place, split in enumerate(splits):
        for number, name in enumerate(("high", "low")):
            for i in range(count):
                seed = 100 * place + 10 * number + i
                sound = tone(400 + 900 * number, 0.2 + 0.02 * i, seed)
                write(root / split / name / f"{i}.wav", sound)
    return root


def clips(n: int = 40) -> dict[str, Any]:
    made = [tone(300 + 900 * (i % 2), 0.15 + 0.01 * (i % 7), i) for i in range(n)]
    return {
        "data": np.concatenate(made),
        "offsets": np.cumsum([0, *map(len, made)]),
        "y": np.arange(n) % 2,
        "rate": np.array(RATE),
        "speaker": np.array([f"s{i % 5}" for i in range(n)]),
        "index": np.arange(n) // 2,
    }


def refusal(source: Any, *parts: str, **settings: Any) -> None:
    """``source`` is refused with one line that holds all ``parts``."""
    with pytest.raises(BrickworkError) as caught:
        load_sounds(source, **settings)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


# --- wav ------------------------------------------------------------------------------------------


def chunked(form: int, channels: int, bits: int, body: bytes, extensible: bool = False) -> bytes:
    frame = channels * bits // 8
    about = struct.pack("<HHIIHH", form, channels, RATE, RATE * frame, frame, bits)
    if extensible:
        tail = struct.pack("<HHIH14s", 22, bits, 0, form, b"\0" * 14)
        about = struct.pack("<H", 0xFFFE) + about[2:] + tail
    between = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # chunks are padded to even sizes
    inner = b"WAVEfmt " + struct.pack("<I", len(about)) + about + between
    inner += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["u1", "i2", "i3", "i4", "f4", "f8", "i2x"])
def test_wav_of_every_width(tmp_path, kind, channels):
    wanted = tone(500)
    x = np.repeat(wanted[:, None], channels, axis=1)
    bodies = {
        "u1": (1, 8, ((x >> 8) + 128).astype(np.uint8).tobytes()),
        "i2": (1, 16, x.tobytes()),
        "i3": (1, 24, (x.astype("<i4") << 8).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()),
        "i4": (1, 32, (x.astype("<i4") << 16).tobytes()),
        "f4": (3, 32, (x / 32767).astype("<f4").tobytes()),
        "f8": (3, 64, (x / 32767).astype("<f8").tobytes()),
        "i2x": (1, 16, x.tobytes()),
    }
    form, bits, body = bodies[kind]
    file = tmp_path / "a.wav"
    file.write_bytes(chunked(form, channels, bits, body, extensible=kind == "i2x"))
    got, rate = read_sound(file)
    assert rate == RATE
    assert got.dtype == np.int16
    assert np.abs(got.astype(int) - wanted).max() <= (255 if kind == "u1" else 0)


def test_channels_are_mixed(tmp_path):
    stereo = np.stack([tone(500), np.zeros_like(tone(500))], axis=1)
    got, _ = read_sound(write(tmp_path / "a.wav", stereo))
    assert np.abs(got - stereo[:, 0] / 2).max() <= 0.5


def test_a_stream_of_unknown_size(tmp_path):
    data = chunked(1, 1, 16, tone(500).tobytes())
    place = data.index(b"data") + 4
    (tmp_path / "a.wav").write_bytes(data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :])
    np.testing.assert_array_equal(read_sound(tmp_path / "a.wav")[0], tone(500))


def test_flac(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", tone(500), RATE)
    got, rate = read_sound(tmp_path / "a.flac")
    assert rate == RATE
    assert np.abs(got.astype(int) - tone(500)).max() <= 1
    (tmp_path / "b.flac").write_bytes(b"fLaC but no more")
    with pytest.raises(BrickworkError, match=r"b\.flac: cannot be read as a sound"):
        read_sound(tmp_path / "b.flac")


def test_flac_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(BrickworkError, match=r"a\.flac.*brickwork\[audio\]"):
        read_sound(tmp_path / "a.flac")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("empty", lambda _: b"", "empty"),
        ("text", lambda _: b"no sound at all", "no wav file"),
        ("header only", lambda data: data[:30], "damaged"),
        ("cut off", lambda data: data[:-100], "cut off"),
        ("no samples", lambda _: chunked(1, 1, 16, b""), "no samples"),
        ("odd form", lambda _: chunked(85, 1, 16, b"abcd"), "format 85"),
        ("no channels", lambda _: chunked(1, 0, 16, b"abcd"), "header"),
        ("NaN", lambda _: chunked(3, 1, 32, np.full(9, np.nan, "<f4").tobytes()), "NaN"),
        ("loud", lambda _: chunked(3, 1, 32, np.full(9, 900, "<f4").tobytes()), "-1..1"),
    ],
)
def test_bad_files_are_named(tmp_path, name, change, says):
    folder(tmp_path)
    bad = tmp_path / "low" / "3.wav"
    bad.write_bytes(change(bad.read_bytes()))
    refusal(tmp_path, str(bad), says)


# --- folders --------------------------------------------------------------------------------------


def test_a_folder(tmp_path):
    task = load_sounds(folder(tmp_path))
    assert task.classes == ("high", "low")
    assert task.input[0] == 1
    assert task.data["train"][0].dtype == np.uint8
    assert {"prepare.py", "prepare.json", "front_end.c", "front_end.h"} == set(task.files)
    assert any("front end" in note for note in task.notes)
    task.save(tmp_path / "saved")
    again = load_saved(tmp_path / "saved")
    assert (again.files, again.splits) == (task.files, task.splits)


def test_official_splits(tmp_path):
    task = load_sounds(folder(tmp_path / "sounds", 3, ("train", "val", "test")))
    assert [task.splits[split].size for split in ("train", "val", "test")] == [6, 6, 6]


def test_speech_commands_bring_their_splits_and_speakers(tmp_path):
    rng = np.random.default_rng(0)
    names = []
    for word in ("yes", "no"):
        for speaker in range(14):
            name = f"{word}/{speaker:08x}_nohash_0.wav"
            write(tmp_path / name, tone(600 if word == "yes" else 1200, 0.2, int(rng.integers(99))))
            names.append(name)
    write(tmp_path / "_background_noise_" / "hum.wav", tone(50, 2.0))
    task = load_sounds(tmp_path)
    assert task.classes == ("no", "yes")
    assert any("14 speakers" in note for note in task.notes)
    assert any("_background_noise_" in note for note in task.notes)
    (tmp_path / "validation_list.txt").write_text("\n".join(names[:4] + names[14:18]) + "\n")
    (tmp_path / "testing_list.txt").write_text("\n".join(names[4:6] + names[18:20]) + "\n")
    task = load_sounds(tmp_path)
    assert [task.splits[split].size for split in ("train", "val", "test")] == [16, 8, 4]


def test_mixed_rates(tmp_path):
    folder(tmp_path)
    write(tmp_path / "low" / "9.wav", tone(500), rate=16000)
    refusal(tmp_path, "8000", "1 have 16000", str(tmp_path / "low" / "9.wav"))


def test_folders_without_sounds(tmp_path):
    refusal(tmp_path, "no class folders")
    (tmp_path / "a").mkdir()
    refusal(tmp_path, "no wav or flac file", str(tmp_path / "a"))
    write(tmp_path / "loose.wav", tone(500))
    (tmp_path / "a").rmdir()
    refusal(tmp_path, "1 wav or flac files but no class folders")


def test_one_class(tmp_path):
    for i in range(5):
        write(tmp_path / "only" / f"{i}.wav", tone(500, seed=i))
    refusal(tmp_path, "all training labels are 'only'")


def test_what_a_folder_does_not_have(tmp_path):
    folder(tmp_path)
    refusal(tmp_path, "no file has 'speaker' in the name", group="speaker")
    refusal(tmp_path, "put the test files into a folder test/", test="index<5")
    refusal(tmp_path / "nowhere", "no such file")
    refusal(tmp_path / "low" / "0.wav", ".npz")


# --- arrays ---------------------------------------------------------------------------------------


def test_an_npz_with_a_rule_and_speakers(tmp_path):
    np.savez(tmp_path / "clips.npz", **clips())
    task = load_sounds(tmp_path / "clips.npz", test="index<5")
    assert task.splits["test"].size == 10
    assert any("index<5" in note for note in task.notes)
    task = load_sounds(str(tmp_path / "clips.npz"), group="speaker")
    assert any("each group in one split" in note for note in task.notes)
    assert task.splits["test"].size == 8  # one of five speakers
    assert load_sounds(clips(), test="speaker==s1").splits["test"].size == 8


def test_mu_law_is_as_the_formula_says():
    y = np.linspace(-1, 1, 256)
    x = np.sign(y) * (256 ** np.abs(y) - 1) / 255
    coded = np.arange(256, dtype=np.uint8)
    found = {**clips(), "data": np.tile(coded, 400)}
    found["offsets"] = np.arange(41) * 2048
    found.pop("rate")
    plain = {**found, "data": np.tile(x, 400), "rate": 8000}
    for split, (a, _) in load_sounds(found).data.items():
        np.testing.assert_array_equal(a, load_sounds(plain).data[split][0])


def test_bytes_of_clips_are_8_bit_samples():
    """As readers of wav files give them; mu-law is in one row with offsets only."""
    made = [tone(300 + 900 * (i % 2), 0.2, i) for i in range(20)]
    wide = {"x": np.stack(made), "y": np.arange(20) % 2, "rate": RATE}
    coarse = (np.stack(made) >> 8) << 8
    narrow = {**wide, "x": ((np.stack(made) >> 8) + 128).astype(np.uint8)}
    for split, (x, _) in load_sounds(narrow).data.items():
        np.testing.assert_array_equal(x, load_sounds({**wide, "x": coarse}).data[split][0])


def test_lists_and_rows_are_clips():
    made = [tone(300 + 900 * (i % 2), 0.2, i) for i in range(20)]
    given = {"x": made, "y": np.arange(20) % 2, "rate": RATE}
    rows = {**given, "x": np.stack(made) / 32767.0}
    a, b = load_sounds(given), load_sounds(rows)
    assert a.splits == b.splits
    split = {"x_train": made[:10], "y_train": np.arange(10) % 2, "rate": RATE}
    split |= {"x_test": made[10:], "y_test": np.arange(10) % 2}
    split |= {"who_train": np.arange(10) // 2, "who_test": np.arange(10) // 5}
    task = load_sounds(split, group="who")
    assert task.splits["test"].size == 10
    assert any("leak" in note for note in task.notes)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y": np.arange(39) % 2}, "40 samples but 39 labels"),
        ({"y": np.zeros(40, int)}, "all training labels"),
        ({"offsets": np.arange(41)[::-1]}, "offsets"),
        ({"offsets": np.arange(41) * 10**6}, "offsets"),
        ({"offsets": np.zeros(41, int)}, "clip 0 is empty"),
        ({"offsets": np.arange(41.0)}, "offsets"),
        ({"rate": np.array([1, 2])}, "rate"),
        ({"rate": 3}, "rate of 3"),
        ({"rate": None}, "'rate'"),
        ({"data": np.array(["a"] * 10**6)}, "type"),
        ({"data": np.zeros(10**6, np.int16)}, "silent"),
        ({"data": np.full(10**6, 10**6)}, "16 bits"),
    ],
)
def test_arrays_that_do_not_fit(changed, says):
    refusal({**clips(), **changed}, says)


def test_other_things_that_do_not_fit(tmp_path):
    found = clips()
    refusal({k: v for k, v in found.items() if k != "y"}, "no labels 'y'")
    refusal(found, "nothing is called 'room'", "speaker", group="room")
    refusal(found, "cannot read 'index'", test="index")
    refusal(found, "none of the 40", test="index<0")
    refusal(found, "is a number", test="index<five")
    refusal(found, "==", test="speaker<5")
    refusal(found, "front end", front_end="hop=1")
    refusal(3, "cannot read sounds from a int")
    refusal({"x": [tone(500), tone(500)[:0]], "y": [0, 1], "rate": RATE}, "clip 1")
    refusal({"x": np.zeros((4, 5, 6)), "y": np.arange(4), "rate": RATE}, "(n, samples)")
    refusal({"x": [], "y": [], "rate": RATE}, "no clips")
    (tmp_path / "a.npz").write_bytes(b"no zip")
    refusal(tmp_path / "a.npz", "not a readable .npz")


# --- training -------------------------------------------------------------------------------------


def test_changes_keep_what_they_are_given():
    changes = SoundChanges(70.0, 3.0)
    assert changes_of(described(changes)) == changes
    x = torch.randint(0, 256, (16, 1, 40, 24), generator=torch.Generator().manual_seed(0)).float()
    y = torch.arange(16)
    same, _ = changes(x, y, 0.0, torch.Generator())
    assert torch.equal(same, x)
    once, labels = changes(x, y, 1.0, torch.Generator().manual_seed(1))
    again, _ = changes(x, y, 1.0, torch.Generator().manual_seed(1))
    assert torch.equal(once, again)
    assert torch.equal(labels, y)
    assert once.shape == x.shape
    assert 0 <= once.min() <= once.max() <= 255
    assert not torch.equal(once, x)
    silence = torch.zeros(4, 1, 40, 24)
    heard, _ = SoundChanges(0.0, 3.0)(silence, y[:4], 1.0, torch.Generator().manual_seed(1))
    assert heard.max() == 0


def test_a_batch_through_the_usual_space():
    task = load_sounds(clips())
    space = make_space("speech", task.input, task.facts)
    x, y = task.arrays("train")
    for arch in space.extremes():
        net = build(graph(space, arch, task.input, task.outputs, task.normalize))
        batch = torch.from_numpy(x[:8]).float()
        changed, labels = task.augment(batch, torch.from_numpy(y[:8]), 0.5, torch.Generator())
        loss = task.loss(net(changed), labels, 0.05)
        loss.backward()
        assert torch.isfinite(loss)


def test_spoken_digits(shared_data):
    path = shared_data / "audio" / "fsdd_8k_mulaw.npz"
    task = load_sounds(path, test="index<5")
    assert {split: found.size for split, found in task.splits.items()} == {
        "train": 2160,
        "val": 540,
        "test": 300,
    }
    assert task.input == (1, 49, 32)
    with np.load(path) as file:
        first = file["data"][: file["offsets"][1]]
    assert prepare(first.astype(np.int16), _settings(task.files)).shape == task.input


def _settings(files: Any) -> dict[str, Any]:
    import json

    return json.loads(files["prepare.json"])


def test_speech_commands(shared_data, tmp_path):
    with zipfile.ZipFile(shared_data / "audio" / "speech_commands_16k_wav_samples.zip") as archive:
        archive.extractall(tmp_path / "words")
    task = load_sounds(tmp_path / "words")
    assert len(task.classes) == 12
    assert task.input == (1, 49, 32)
    assert sum(split.size for split in task.splits.values()) == 96
    assert any("16000 Hz" in note for note in task.notes)
