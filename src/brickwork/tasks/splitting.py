"""Which samples belong to which split, and whether the splits keep what they know to themselves."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.raw import Raw
from brickwork.tasks.task import SPLITS, Arrays
from brickwork.trial import rng_for

__all__ = [
    "by_class",
    "encode_labels",
    "grouped",
    "leaks",
    "strata",
    "stratified",
    "uncovered",
    "with_all_splits",
]

_HELD_OUT = 0.2  # part of the whole for each split that has to be made
_MOST_HELD_OUT = 10_000  # more samples would not make the score noticeably more certain
_SMALL = 0.01  # of all samples: a group that size can go to any part
_DEALS = 200  # ways to deal groups to splits that are compared

Rows = dict[str, NDArray[np.int64]]


def encode_labels(raw: Mapping[str, NDArray[Any]], where: str) -> tuple[Rows, list[str]]:
    """Labels of any kind as 0..k-1, and the names of the classes.

    Args:
        raw: Labels of each split that there is, among them ``"train"``.
        where: Where the labels come from, for messages.

    Raises:
        DataError: There is one class only, or a split holds a class that training has not.
    """
    known, train = np.unique(raw["train"], return_inverse=True)
    names = [str(label) for label in known]
    if len(known) < 2:
        raise DataError(f"{where}: all training labels are {names[0]!r}: give at least two classes")
    codes: Rows = {"train": train.reshape(-1).astype(np.int64)}
    for split, labels in raw.items():
        strange = sorted({str(label) for label in np.unique(labels)} - set(names))
        if strange:
            raise DataError(
                f"{where}: the {split} split has labels that training has not: "
                f"{_listed(strange)}; training has {_listed(names)}"
            )
        own, place = np.unique(labels, return_inverse=True)  # by name: 7 may be "7" elsewhere
        code = np.array([names.index(str(label)) for label in own], np.int64)
        codes[split] = code[place.reshape(-1)]
    return codes, names


def uncovered(found: Mapping[str, Arrays], names: Sequence[str], where: str) -> list[str]:
    """A hint for each split that lacks a class, as those of groups or of a rule may.

    Args:
        found: Samples and labels 0..k-1 of each split.
        names: Of the classes.
        where: The data come from, for messages.

    Raises:
        DataError: Training lacks one.
    """
    notes = []
    for split, (_, labels) in found.items():
        missing = np.setdiff1d(np.arange(len(names)), labels)
        if not len(missing):
            continue
        listed = _listed([names[i] for i in missing])
        if split == "train":
            raise DataError(
                f"{where}: the training split has no sample of {listed}: all are in the other "
                "splits, as their groups or the rule for the test split have it: give more groups, "
                "or another rule"
            )
        notes.append(f"hint: the {split} split has no sample of {listed}, so no score tells of it")
    return notes


def by_class(labels: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Indices of the samples of each class 0..k-1, each class in random order."""
    classes = range(int(labels.max()) + 1)
    return [rng.permutation(np.flatnonzero(labels == label)) for label in classes]


def strata(labels: NDArray[Any]) -> NDArray[np.int64]:
    """What is to be kept in proportion: the classes ``(n,)``, or nothing where there are none."""
    if labels.ndim == 1 and labels.dtype.kind in "iu":
        return labels
    return np.zeros(len(labels), np.int64)


def stratified(
    labels: NDArray[np.int64], parts: Mapping[str, float], rng: np.random.Generator
) -> Rows:
    """Split samples at random so that each part has its share of every class.

    Args:
        labels: Labels 0..k-1; every class has at least as many samples as there are parts.
        parts: Name and fraction of each part to split off; the rest is ``"train"``.
        rng: Source of randomness.

    Returns:
        Indices of each part and of ``"train"``, in ascending order; every class is in every part.
    """
    found: dict[str, list[NDArray[np.int64]]] = {name: [] for name in (*parts, "train")}
    for members in by_class(labels, rng):
        start = 0
        for later, (name, fraction) in enumerate(parts.items(), start=1):
            spare = len(members) - start - (len(parts) - later) - 1  # one each for those to come
            count = min(max(1, round(fraction * len(members))), spare)
            found[name].append(members[start : start + count])
            start += count
        found["train"].append(members[start:])
    return {name: np.sort(np.concatenate(groups)) for name, groups in found.items()}


def grouped(
    labels: NDArray[np.int64],
    groups: NDArray[Any],
    parts: Mapping[str, float],
    rng: np.random.Generator,
) -> Rows:
    """Split samples so that no group is in two parts, each part close to its share of every class.

    Many small groups, such as texts that occur twice, are split like samples, each by its most
    common class. Fewer or larger ones are dealt at random, many times; the deal whose shares are
    closest to those that are wanted is taken.

    Args:
        labels: Labels 0..k-1.
        groups: What each sample is of, ``(n,)``.
        parts: As for ``stratified``.
        rng: Source of randomness.

    Raises:
        DataError: There are fewer groups than parts.
    """
    known, of = np.unique(groups, return_inverse=True)
    of = of.reshape(-1)
    if len(known) <= len(parts):
        raise DataError(
            f"there are {len(known)} groups, at least {len(parts) + 1} are needed, so that "
            f"{', '.join((*parts, 'train'))} have groups of their own"
        )
    counts = np.zeros((len(known), int(labels.max()) + 1))
    np.add.at(counts, (of, labels), 1)
    most = counts.argmax(axis=1)
    if counts.sum(axis=1).max() <= _SMALL * len(of) and np.bincount(most).min() > len(parts):
        split = stratified(most, parts, rng)
        return {name: np.flatnonzero(np.isin(of, chosen)) for name, chosen in split.items()}
    shares = np.array([*parts.values(), 1 - sum(parts.values())])
    wanted = shares[:, None] * counts.sum(axis=0)
    best, place = math.inf, of
    for _ in range(_DEALS):
        dealt = _dealt(counts.sum(axis=1), shares, rng)
        got = np.stack([counts[dealt == part].sum(axis=0) for part in range(len(shares))])
        away = float((np.abs(got - wanted) / np.maximum(wanted, 1)).sum())
        if away < best:
            best, place = away, dealt[of]
    return {name: np.flatnonzero(place == i) for i, name in enumerate((*parts, "train"))}


def _dealt(
    sizes: NDArray[np.float64], shares: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """A part for each group, in random order: the one that lacks most, none left empty."""
    dealt = np.full(len(sizes), len(shares) - 1)
    left = shares * sizes.sum()
    order = rng.permutation(len(sizes))
    for place, group in enumerate(order):
        part = place if place < len(shares) else int(np.argmax(left / shares))
        dealt[group] = part
        left[part] -= sizes[group]
    return dealt


def with_all_splits(
    raw: Raw, labels: Mapping[str, NDArray[Any]], seed: int, held_out: Mapping[str, float | None]
) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """The data of a source, the missing splits taken from its training samples, and notes on it.

    Args:
        raw: The data.
        labels: For each split that there is, in the form that the network learns from; classes as
            integers ``(n,)`` are kept in proportion.
        seed: Decides which samples are taken.
        held_out: Parts of the training samples for ``"val"`` and ``"test"``; None for a fifth.

    Raises:
        DataError: There are too few samples, or too few groups.
    """
    x, y = raw.x["train"], labels["train"]
    missing = [split for split in ("test", "val") if split not in raw.x]
    fixed = min(_HELD_OUT, _MOST_HELD_OUT / len(y))
    given = {split: held_out.get(split) for split in missing}
    parts = {split: fixed if part is None else part for split, part in given.items()}
    if any(not 0 < part < 1 for part in parts.values()) or sum(parts.values()) >= 1:
        raise ValueError(f"parts to hold out are between 0 and 1, together below 1: got {parts}")
    need = max(2, len(parts) + 1)
    if len(y) < need:
        raise DataError(f"{raw.where}: there are {len(y)} training samples, give at least {need}")
    kept = strata(y)
    chosen: Rows | dict[str, slice] = {"train": slice(None)}
    how = "stratified" if kept is y else "at random"
    if parts and "train" in raw.groups:
        try:
            chosen = grouped(kept, raw.groups["train"], parts, rng_for(seed, "splits"))
        except DataError as error:
            raise DataError(f"{raw.where}: {error}") from None
        how = "each group in one split"
    elif parts:
        chosen = stratified(kept, parts, rng_for(seed, "splits"))
    data: dict[str, Arrays] = {}
    for split in SPLITS:
        if split in chosen:
            rows = chosen[split]
            data[split] = (np.ascontiguousarray(x[rows]), np.ascontiguousarray(y[rows]))
        else:
            data[split] = (raw.x[split], labels[split])
    made = " and ".join(split for split in SPLITS if split in missing)
    note = f"{made} taken from the training samples, {how}, seed {seed}"
    notes = (note if made else "train, val and test are split as the data come",)
    shared = _shared_groups(raw)
    return data, notes + shared


def _shared_groups(raw: Raw) -> tuple[str, ...]:
    """A line for each two given splits that have groups in common."""
    found = []
    for a, b in combinations([split for split in SPLITS if split in raw.groups], 2):
        common = np.intersect1d(raw.groups[a], raw.groups[b])
        if len(common):
            found.append(
                f"leak: {len(common)} groups are in {a} and in {b}, such as {str(common[0])!r}: "
                "scores will flatter"
            )
    return tuple(found)


def leaks(data: Mapping[str, Arrays]) -> tuple[str, ...]:
    """A line for each two splits that have samples in common."""
    prints = {split: {_print(sample) for sample in x} for split, (x, _) in data.items()}
    found = []
    for a, b in combinations(data, 2):
        common = len(prints[a] & prints[b])
        if common:
            plural = "sample is" if common == 1 else "different samples are"
            found.append(f"leak: {common} {plural} in {a} and in {b}: scores may flatter")
    return tuple(found)


def _print(sample: Any) -> bytes:
    """A fingerprint of a sample: an array of numbers or of objects, or a text."""
    if isinstance(sample, np.ndarray) and sample.dtype != object:
        return hashlib.blake2b(np.ascontiguousarray(sample).data, digest_size=12).digest()
    text = "\x1f".join(map(str, np.ravel(sample)))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
