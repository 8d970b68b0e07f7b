"""A text as the ids that the network beside this file takes.

Needs NumPy only, and the settings in ``prepare.json``, which were made from the training texts:

    ids = prepare(["how far is it to Denver ?"], settings())     # (texts, length), float32
    answers = onnxruntime.InferenceSession("model.onnx").run(None, {"input": ids})

A text is put into lower case and cut into words, numbers and signs; of Chinese and Japanese each
character is a word. What is in the list of tokens has an id of its own. A number that is not has
that of as many zeros, any other word that of its longest ending in the list, such as ``~ing``.
Id 0 is padding, id 1 is what has no other.
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

__all__ = ["ENDING", "FIRST", "PADDING", "UNKNOWN", "id_of", "prepare", "settings", "words_in"]

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Ids: of nothing, of what is not known, and of the first token."""

ENDING = 4
"""Characters of an ending, at most; no word is one as a whole."""

_ALONE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Chinese characters
_PARTS = re.compile(rf"[{_ALONE}]|[^\W\d_{_ALONE}]+|\d+|[^\w\s]|_")


def settings(file: str | Path = "") -> dict[str, Any]:
    """The settings of a file, by default of ``prepare.json`` beside this one.

    Returns:
        The tokens in the order of their ids, and the length.
    """
    path = Path(file or Path(__file__).with_name("prepare.json"))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def words_in(text: str) -> list[str]:
    """The words, numbers and signs of a text."""
    return _PARTS.findall(text.lower())


def id_of(word: str, table: Mapping[str, int]) -> int:
    """The id of a word, number or sign.

    Args:
        word: One of ``words_in``.
        table: The id of each token.
    """
    if word in table:
        return table[word]
    if word[0].isdigit():
        return table.get("0" * len(word), table.get("0", UNKNOWN))
    endings = (f"~{word[start:]}" for start in range(max(1, len(word) - ENDING), len(word)))
    return next((table[ending] for ending in endings if ending in table), UNKNOWN)


def prepare(texts: Sequence[str], about: Mapping[str, Any]) -> NDArray[np.float32]:
    """The ids of texts, ``(texts, length)``: cut off where they are longer, else filled with 0."""
    table = _table(tuple(about["tokens"]))
    out = np.full((len(texts), about["length"]), PADDING, np.float32)
    for row, text in zip(out, texts, strict=True):
        ids = [id_of(word, table) for word in words_in(text)[: len(row)]]
        row[: len(ids)] = ids
    return out


@functools.lru_cache(maxsize=4)
def _table(tokens: tuple[str, ...]) -> dict[str, int]:
    return {token: place for place, token in enumerate(tokens, start=FIRST)}
