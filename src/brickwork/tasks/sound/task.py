"""Sound classification: the clips of a source as a task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.tasks.changing import SoundChanges
from brickwork.tasks.samples import DataTask, Prepared, classification
from brickwork.tasks.scale import channel_statistics
from brickwork.tasks.sound.c_source import memory_of
from brickwork.tasks.sound.front_end import (
    clip_length,
    files_of,
    forms_of,
    frames_of,
    settings_of,
    with_range,
)
from brickwork.tasks.sound.prepare import prepare
from brickwork.tasks.sound.sources import Source, read

__all__ = ["load_sounds"]

_CLIPS = 4000  # looked at for mean and deviation


def load_sounds(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    group: str = "",
    test: str = "",
    front_end: str = "",
) -> DataTask:
    """Sound classification: words, calls, machines; one class for each clip.

    Clips are brought to one length and become log-mel features, ``(1, frames, mels)`` as uint8, by
    the front end that goes with every model (``prepare.py``, ``front_end.c``).

    Args:
        source: A folder with a folder of wav or flac files for each class, itself possibly below
            ``train/``, ``val/`` and ``test/``; an ``.npz`` file with clips one after the other in
            ``data``, their ``offsets`` and ``y``, or with ``x_train``, ``y_train`` and so on; a
            dictionary of such arrays or of lists of arrays. Samples are int16, floats in -1..1 or,
            in ``data``, uint8 for mu-law; ``rate`` is how many there are in a second.
        seed: Decides which training samples become a split that the source does not have.
        validation: Part of the training samples for such a validation split; None for a fifth of
            all, at most 10,000.
        group: A further array, such as ``speaker``: clips of one of its values stay in one split.
            Of a folder see ``owners``.
        test: A rule on a further array that says which clips are the test split, such as
            ``"index<5"``.
        front_end: Settings of the front end that are not to be the usual ones, such as
            ``"window=25ms,hop=20ms,length=1s,mels=32"``; ``"gain=0dB"`` leaves clips as loud as
            they are. Of several values, such as ``"hop=10ms|20ms,mels=20|40"``, the best is
            searched together with the network.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    sounds = read(source, group, test)
    raw, rate = sounds.raw, sounds.rate

    def prepared(clips: NDArray[Any]) -> Prepared:
        first, *rest = forms_of(front_end)
        whole = in_form(clips, *first)
        if not rest:
            return whole
        note = f"{1 + len(rest)} front ends: which is better for which network is searched"
        others = [in_form(clips, *form) for form in rest]
        return replace(whole, others=others, notes=(*whole.notes, note))

    def in_form(clips: NDArray[Any], form: str, text: str) -> Prepared:
        lengths = np.array([len(clip) for clip in clips])
        plain = settings_of(text, rate, clip_length(lengths, rate), raw.where)
        settings = with_range(plain, clips, raw.where)

        def encode(clips: NDArray[Any]) -> NDArray[np.uint8]:
            return np.stack([prepare(clip, settings) for clip in clips])

        some = clips[:: max(1, len(clips) // _CLIPS)]
        scale = channel_statistics(encode(some), raw.where)
        changes = SoundChanges(scale.mean[0], 255 / (settings["high_db"] - settings["low_db"]))
        notes = _notes(settings, lengths)
        return Prepared(scale, changes, encode, {}, files_of(settings), notes, form)

    return classification(raw, "sound-classification", seed, prepared, validation)


def _notes(settings: dict[str, Any], lengths: NDArray[np.int64]) -> tuple[str, ...]:
    rate, samples = settings["rate"], settings["samples"]
    window, hop = (1000 * settings[name] / rate for name in ("window", "hop"))
    tables, memory = memory_of(settings)
    cut = (lengths >= samples + settings["hop"]).mean()  # less than that is rounding
    return (
        f"clips of {lengths.min() / rate:.2f} to {lengths.max() / rate:.2f} s become "
        f"{samples / rate:.3g} s: {100 * cut:.1f} % of the training clips keep only their middle, "
        "shorter ones lie between silence",
        f"front end: {frames_of(settings)} frames of {settings['mels']} log-mel values, windows of "
        f"{window:.3g} ms every {hop:.3g} ms at {rate} Hz, {settings['low_db']:g} to "
        f"{settings['high_db']:g} dB as 0 to 255"
        + (", all clips made equally loud" if settings["gain"] else "")
        + f"; in C it takes {tables} bytes of tables and {memory} of memory beside the network's",
    )
