"""Text classification: the texts of a source as a task."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Shape
from brickwork.tasks.beside import preparation
from brickwork.tasks.changing import TextChanges
from brickwork.tasks.raw import Raw
from brickwork.tasks.rows import Sheet, is_text, read_sheet, sample_rows, words_of
from brickwork.tasks.samples import DataTask, Prepared, classification
from brickwork.tasks.text.prepare import FIRST, prepare, words_in
from brickwork.tasks.text.tokens import learned, unknowns

__all__ = ["load_texts", "text_inputs"]

_LOOK = 200  # rows that tell whether a column holds texts


def load_texts(
    source: Any, seed: int = 0, label: str = "", group: str = "", test: str = ""
) -> DataTask:
    """Text classification: texts of any length, one class each.

    Args:
        source: A file of rows (``.csv``, ``.tsv``, ``.txt``, ``.data``, also packed with gzip;
            ``.parquet``; TREC's ``.label``), a data frame, a data set of Hugging Face, a mapping of
            such by split, or arrays ``(texts, labels)``.
        seed: Decides which training texts become a split that the source does not have.
        label: Column of the classes; by default one that is called so, else the first without
            texts.
        group: Column whose values stay in one split.
        test: A file like the source, with the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    sheet = read_sheet(source, label, group, test, texts=True)
    notes = list(sheet.notes)
    x, columns = _texts(sheet, notes)
    groups = dict(sheet.groups)
    if not groups and len(x) < 3:
        groups = _same(x["train"], notes)
    y = {split: words_of(labels) for split, labels in sheet.y.items()}
    raw = Raw(sheet.name, sheet.name, sheet.where, x, y, tuple(notes), groups, sheet.advice)

    def prepared(texts: NDArray[Any]) -> Prepared:
        about, said = learned(list(texts))
        about["columns"] = columns
        return Prepared(
            None,
            TextChanges(unknowns(list(texts), about)),
            lambda part: prepare(list(part), about).astype(np.int32),
            {"vocabulary": len(about["tokens"]) + FIRST},
            preparation("brickwork.tasks.text", json.dumps(about, ensure_ascii=False)),
            tuple(said),
        )

    return classification(raw, "text-classification", seed, prepared)


def text_inputs(x: Any, about: Mapping[str, Any], _input: Shape) -> NDArray[np.int32]:
    """What networks take of texts as ``load_texts`` takes them without labels.

    Args:
        x: Texts ``(n,)``, or a data frame with the columns of the training.
        about: The content of ``prepare.json``.
        _input: Shape of what the network takes.

    Raises:
        DataError: They are no texts, or a column lacks.
    """
    rows = sample_rows(x, "the samples")
    names = rows.names if len(rows.names) == 1 else about["columns"]
    chosen = [rows.index(name) for name in names]
    return prepare(list(_joined(rows.cells[:, chosen])), about).astype(np.int32)


def _joined(cells: NDArray[Any]) -> NDArray[Any]:
    """Columns of texts ``(n, columns)``, one after the other, as objects ``(n,)``."""
    texts = np.empty(len(cells), object)
    texts[:] = [" ".join(map(str, row)) for row in cells]
    return texts


def _texts(sheet: Sheet, notes: list[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The texts ``(n,)`` of each split, as objects, and the columns that they are in.

    Raises:
        DataError: There is no column of texts, or nothing is written in it.
    """
    train = sheet.x["train"]
    columns = range(len(sheet.columns))
    chosen = [i for i in columns if is_text(train[:_LOOK, i])] or list(columns)
    if len(chosen) > 1 and not any(is_text(train[:_LOOK, i]) for i in chosen):
        raise DataError(
            f"{sheet.where}: none of the columns {', '.join(map(repr, sheet.columns))} holds texts "
            "of several words: leave out those that are no text, or take --task "
            "table-classification"
        )
    if len(chosen) > 1:
        names = " and ".join(repr(sheet.columns[i]) for i in chosen)
        notes.append(f"the columns {names} are read one after the other, as one text")
    others = [repr(sheet.columns[i]) for i in columns if i not in chosen]
    if others:
        notes.append(f"only {sheet.columns[chosen[0]]!r} is read, not {', '.join(others)}")
    found = {}
    for split, rows in sheet.x.items():
        texts = _joined(rows[:, chosen])
        empty = [i for i, text in enumerate(texts, start=1) if not words_in(text)]
        if len(empty) == len(texts):
            raise DataError(f"{sheet.where}: all texts of the {split} split are empty")
        if empty:
            some = "1 text" if len(empty) == 1 else f"{len(empty)} texts"
            notes.append(f"{some} of the {split} split are empty, the first in row {empty[0]}")
        found[split] = texts
    return found, [sheet.columns[i] for i in chosen]


def _same(texts: NDArray[Any], notes: list[str]) -> dict[str, NDArray[Any]]:
    """Groups of texts that are the same but for case, space and signs; none if all differ."""
    plain = np.array([_print(text) for text in texts])
    counts = Counter(plain.tolist())
    again = len(plain) - len(counts)
    if not again:
        return {}
    notes.append(f"{again} of {len(plain)} texts are there before: the same stay in one split")
    return {"train": plain}


def _print(text: str) -> str:
    """A fingerprint of the words of a text."""
    words = " ".join(word for word in words_in(text.lower()) if word.isalnum()).encode(
        "utf-8", "surrogatepass"
    )
    return hashlib.blake2b(words, digest_size=12).hexdigest()
