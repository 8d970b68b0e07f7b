"""A text as the ids that the network beside this file takes.

Needs NumPy only, and the settings in ``prepare.json``, which were made from the training texts:

    ids = prepare(["how far is it to Denver ?"], settings())     # (texts, length), float32
    answers = onnxruntime.InferenceSession("model.onnx").run(None, {"input": ids})

A text is cut into words, numbers and signs; of Chinese and Japanese each character is a word. What
is in the list of tokens, in lower case, has an id of its own. A number that is not has that of as
many zeros, any other word that of how it is written: ``~word``, ``~Word``, ``~WORD``, or ``~First``
where the capital is that of a sentence. Id 0 is padding, id 1 is what has no other.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FIRST",
    "PADDING",
    "UNKNOWN",
    "begins",
    "id_of",
    "prepare",
    "settings",
    "words_in",
    "writing",
]

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Ids: of nothing, of what is not known, and of the first token."""

_ALONE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Chinese characters
_ENDS = frozenset(".!?\u2026\u3002")  # of sentences
_PARTS = re.compile(rf"[{_ALONE}]|[^\W\d_{_ALONE}]+|\d+|[^\w\s]|_")


def settings(file: str | Path = "") -> dict[str, Any]:
    """The settings of a file, by default of ``prepare.json`` beside this one.

    Returns:
        The tokens in the order of their ids, the length, and the columns that the texts of the
        training stood in, one after the other.
    """
    path = Path(file or Path(__file__).with_name("prepare.json"))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def words_in(text: str) -> list[str]:
    """The words, numbers and signs of a text, as they are written."""
    return _PARTS.findall(text)


def begins(words: Sequence[str], place: int) -> bool:
    """Whether a sentence begins with the word at some place, so that its capital says nothing."""
    return place == 0 or words[place - 1] in _ENDS


def writing(word: str, begins: bool) -> str:
    """The token that stands for all words or numbers that are written so; empty for signs.

    Args:
        word: One of ``words_in``.
        begins: Whether a sentence begins with it.
    """
    if word[0].isdigit():
        return "0" * len(word)
    if word[0].isupper():
        if len(word) > 1 and word.isupper():
            return "~WORD"
        return "~First" if begins else "~Word"
    return "~word" if word[0].islower() else ""


def id_of(word: str, begins: bool, table: Mapping[str, int]) -> int:
    """The id of a word, number or sign.

    Args:
        word: One of ``words_in``.
        begins: Whether a sentence begins with it.
        table: The id of each token.
    """
    known = table.get(word.lower())
    if known is not None:
        return known
    unknown = table.get("0", UNKNOWN) if word[0].isdigit() else UNKNOWN
    return table.get(writing(word, begins), unknown)


def prepare(texts: Sequence[str], about: Mapping[str, Any]) -> NDArray[np.float32]:
    """The ids of texts, ``(texts, length)``: cut off where they are longer, else filled with 0."""
    table = _table(tuple(about["tokens"]))
    out = np.full((len(texts), about["length"]), PADDING, np.float32)
    for row, text in zip(out, texts, strict=True):
        words = words_in(text)[: len(row)]
        ids = [id_of(word, begins(words, place), table) for place, word in enumerate(words)]
        row[: len(ids)] = ids
    return out


@functools.lru_cache(maxsize=4)
def _table(tokens: tuple[str, ...]) -> dict[str, int]:
    return {token: place for place, token in enumerate(tokens, start=FIRST)}
