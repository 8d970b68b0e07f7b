"""The list of tokens, made from training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brickwork.tasks.text.prepare import FIRST, PADDING, UNKNOWN, begins, words_in, writing

__all__ = ["learned", "unknowns"]

_WORDS = 4000  # most words and signs with an id of their own
_TWICE = 2  # texts that a word is in, at least
_LENGTH = 256  # most tokens of a text
_WHOLE = 99.0  # percent of the training texts that are not cut off
_SHORTEST = 4


def learned(texts: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Settings for ``prepare.prepare``, and notes on them.

    Words that are in two training texts or more get an id each, the most frequent ones first. The
    words that are left are as rare as those that training does not have: they share the ids of how
    they are written, so that a name that was never seen looks like one, and the network learns from
    rare words what it will meet later. (Endings, and pieces of words, make answers worse: see
    ``docs/text.md``.)

    Args:
        texts: The training texts.
    """
    cut = [words_in(text) for text in texts]
    counts, written = Counter[str](), Counter[str]()
    for words in cut:
        counts.update({word.lower() for word in words})
        written.update({writing(word, begins(words, i)) for i, word in enumerate(words)})
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    words = [word for word, count in ranked if count >= _TWICE][:_WORDS]
    known = {*words, ""}
    ways = sorted({"0", *(way for way, count in written.items() if count >= _TWICE)} - known)
    lengths = list(map(len, cut))
    length = min(_LENGTH, max(_SHORTEST, int(np.ceil(np.percentile(lengths, _WHOLE)))))
    long = sum(n > length for n in lengths)
    notes = [
        f"{len(words):,} words, numbers and signs of the training texts and {len(ways)} ways to "
        f"write others have ids; texts are {length} tokens long, "
        f"{100 * long / len(texts):.1f} % of the training texts are cut off"
    ]
    return {"tokens": [*words, *ways], "length": length}, notes


def unknowns(texts: Sequence[str], about: Mapping[str, Any]) -> tuple[int, ...]:
    """For each id, the id that what it stands for would have if training had never seen it.

    Of the ways to write a word that have ids, that in which the training texts have it most often.

    Args:
        texts: The training texts.
        about: Made by ``learned`` from them.
    """
    table = {token: place for place, token in enumerate(about["tokens"], start=FIRST)}
    ways: dict[str, Counter[str]] = {}
    for text in texts:
        words = words_in(text)
        for place, word in enumerate(words):
            way = writing(word, begins(words, place))
            ways.setdefault(word.lower(), Counter())[way] += way in table
    out = [PADDING, UNKNOWN, *table.values()]
    for word, count in ways.items():
        if word in table:
            way = min(count, key=lambda way: (-count[way], way))
            out[table[word]] = table.get(way, UNKNOWN)
    return tuple(out)
