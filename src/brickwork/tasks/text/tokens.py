"""The list of tokens, made from training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from brickwork.tasks.text.prepare import ENDING, words_in

__all__ = ["learned"]

_WORDS = 4000  # most words and signs with an id of their own
_TWICE = 2  # texts that a word is in, at least
_ENDINGS = 100  # most endings
_OFTEN = 8  # rare words that an ending is of, at least
_LENGTH = 256  # most tokens of a text
_WHOLE = 99.0  # percent of the training texts that are not cut off
_SHORTEST = 4


def learned(texts: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Settings for ``prepare.prepare``, and notes on them.

    Words that are in two training texts or more get an id each, the most frequent ones first. The
    words that are left are as rare as those that training does not have: the endings that most of
    them have get ids too, so that a word that was never seen is more than unknown, and the network
    learns from rare words what it will meet later. (Cut into several pieces they make texts longer
    and answers worse: see ``docs/text.md``.)

    Args:
        texts: The training texts.
    """
    counts = Counter[str]()
    for text in texts:
        counts.update(set(words_in(text)))
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    words = [word for word, count in ranked if count >= _TWICE][:_WORDS]
    known = set(words)
    rare = {word: count for word, count in counts.items() if word not in known}
    shapes = Counter(_shape(word) for word in rare if word[0].isdigit())
    numbers = sorted({"0", *(shape for shape, n in shapes.items() if n >= _TWICE)} - known)
    endings = _endings([word for word in rare if word[0].isalpha()])
    tokens = [*words, *numbers, *(f"~{ending}" for ending in endings)]
    lengths = [len(words_in(text)) for text in texts]
    length = min(_LENGTH, max(_SHORTEST, int(np.ceil(np.percentile(lengths, _WHOLE)))))
    cut = sum(n > length for n in lengths)
    notes = [
        f"{len(words) + len(numbers):,} words and numbers and {len(endings):,} endings of rare "
        f"words of the training texts have ids; texts are {length} tokens long, "
        f"{100 * cut / len(texts):.1f} % of the training texts are cut off"
    ]
    return {"tokens": tokens, "length": length}, notes


def _shape(number: str) -> str:
    return "0" * len(number)


def _endings(words: Sequence[str]) -> list[str]:
    """The endings that most words have."""
    counts = Counter(
        word[start:] for word in words for start in range(max(1, len(word) - ENDING), len(word))
    )
    ranked = sorted(counts.items(), key=lambda one: (-one[1] * len(one[0]), one[0]))
    return [ending for ending, count in ranked if count >= _OFTEN][:_ENDINGS]
