"""Training recipes that spaces of the catalogue share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brickwork.space import Choice, Option

__all__ = ["DENSE", "ELASTIC", "FIXED", "GENTLE", "TABULAR", "WORDS"]

ELASTIC: Mapping[str, Option | Choice[Any]] = {
    "optimizer": "adamw",
    "lr": Choice("lr", (0.01, 0.02, 0.04)),
    "weight_decay": Choice("weight_decay", (0.02, 0.05, 0.1)),
    "label_smoothing": Choice("label_smoothing", (0.0, 0.05)),
    "augment": Choice("augment", (0.35, 0.5, 0.65)),
}
"""Training settings that are searched together with the architecture."""

DENSE: Mapping[str, Option | Choice[Any]] = {
    **ELASTIC,
    "lr": Choice("lr", (0.005, 0.01, 0.02)),
    "label_smoothing": 0.0,
}
"""Likewise for masks."""

GENTLE: Mapping[str, Option | Choice[Any]] = {
    **ELASTIC,
    "lr": Choice("lr", (0.001, 0.003, 0.01)),
    "clip": 1.0,
}
"""Likewise for transformers: the smallest ones learn digits best at 0.005 to 0.01, large ones are
published with rates below 0.001."""

TABULAR: Mapping[str, Option | Choice[Any]] = {
    "optimizer": "adamw",
    "lr": Choice("lr", (0.002, 0.005, 0.01)),
    "weight_decay": Choice("weight_decay", (0.0, 0.02, 0.1)),
    "label_smoothing": Choice("label_smoothing", (0.0, 0.05)),
}
"""Likewise for rows of a table: that a few categories are forgotten is always the same."""

WORDS: Mapping[str, Option | Choice[Any]] = {
    "optimizer": "adamw",
    "lr": Choice("lr", (0.0006, 0.0015, 0.003)),
    "weight_decay": Choice("weight_decay", (0.2, 0.5, 1.0)),
    "label_smoothing": Choice("label_smoothing", (0.0, 0.1)),
    "augment": Choice("augment", (0.05, 0.1, 0.25)),
}
"""Likewise for words, most of which are rare: a long training at a high rate learns them by heart
unless they decay. Few are made unknown: see ``docs/text.md``."""

FIXED: Mapping[str, Option] = {
    "optimizer": "adamw",
    "lr": 0.02,
    "weight_decay": 0.05,
    "label_smoothing": 0.0,
    "augment": 0.5,
}
"""The same training for all members, where a published space is to have as many as published."""
