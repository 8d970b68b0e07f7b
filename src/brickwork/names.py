"""The one table of names: what can be named on the command line, as ``"module:object"``.

The command line, the documentation and the contract tests read these tables.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from brickwork.errors import UnknownName
from brickwork.export.artifacts import EXPORTERS
from brickwork.space import Shape, Space

__all__ = [
    "EXPORTERS",
    "REFERENCES",
    "RELAXATIONS",
    "SPACES",
    "STRATEGIES",
    "SUGGESTERS",
    "SUPERNETS",
    "TASKS",
    "load",
    "make_space",
]

SPACES: Mapping[str, str] = {
    "mobile": "brickwork.spaces.mobile:mobile",
    "nasbench201": "brickwork.spaces.cell:nasbench201",
    "darts": "brickwork.spaces.cell:darts",
    "dag": "brickwork.spaces.wiring:dag",
    "hierarchy": "brickwork.spaces.wiring:hierarchy",
    "residual": "brickwork.spaces.residual:residual",
    "speech": "brickwork.spaces.signals:speech",
    "series": "brickwork.spaces.signals:series",
    "vit": "brickwork.spaces.attention:vit",
    "transformer": "brickwork.spaces.attention:transformer",
    "mlp": "brickwork.spaces.tables:mlp",
    "resnet8": "brickwork.spaces.references:resnet8",
    "mobilenetv2": "brickwork.spaces.references:mobilenetv2",
    "dscnn": "brickwork.spaces.references:dscnn",
    "resnet18": "brickwork.spaces.references:resnet18",
    "efficientnetb0": "brickwork.spaces.references:efficientnetb0",
    "vittiny": "brickwork.spaces.references:vittiny",
}
REFERENCES = ("resnet8", "mobilenetv2", "dscnn", "resnet18", "efficientnetb0", "vittiny")
"""The spaces with one point: published networks."""

STRATEGIES: Mapping[str, str] = {
    "auto": "brickwork.strategies.auto:Auto",
    "beta-darts": "brickwork.oneshot.suggested:Suggested",
    "darts": "brickwork.oneshot.suggested:Suggested",
    "darts2": "brickwork.oneshot.suggested:Suggested",
    "drnas": "brickwork.oneshot.suggested:Suggested",
    "evolution": "brickwork.strategies.evolution:Evolution",
    "fair": "brickwork.oneshot.gated:Gated",
    "gdas": "brickwork.oneshot.suggested:Suggested",
    "nsga2": "brickwork.strategies.nsga2:NSGA2",
    "ofa": "brickwork.oneshot.gated:Gated",
    "one-shot": "brickwork.oneshot.gated:Gated",
    "pc-darts": "brickwork.oneshot.suggested:Suggested",
    "proxyless": "brickwork.oneshot.suggested:Suggested",
    "random": "brickwork.strategies.random:Random",
    "sandwich": "brickwork.oneshot.gated:Gated",
    "zero-cost": "brickwork.oneshot.zero_cost:ZeroCost",
}
SUPERNETS: Mapping[str, str] = {
    "fair": "brickwork.oneshot.paths:Fair",
    "ofa": "brickwork.oneshot.paths:Progressive",
    "one-shot": "brickwork.oneshot.paths:Uniform",
    "sandwich": "brickwork.oneshot.paths:Sandwich",
}
"""Strategies that train a supernet first, and the rule by which they do."""
RELAXATIONS: Mapping[str, str] = {
    "beta-darts": "brickwork.oneshot.gradient:BetaDarts",
    "darts": "brickwork.oneshot.gradient:Darts",
    "darts2": "brickwork.oneshot.gradient:SecondOrderDarts",
    "drnas": "brickwork.oneshot.gradient:DrNas",
    "gdas": "brickwork.oneshot.gradient:Gdas",
    "pc-darts": "brickwork.oneshot.gradient:PcDarts",
    "proxyless": "brickwork.oneshot.gradient:Proxyless",
}
"""Strategies that search by gradients first, and the rule by which they do."""
SUGGESTERS: Mapping[str, str] = {
    **dict.fromkeys(RELAXATIONS, "brickwork.relaxing:suggest"),
    "zero-cost": "brickwork.zerocost:suggest",
}
"""Strategies that begin from suggestions, and what makes these: see ``preparation.Suggest``."""
TASKS: Mapping[str, str] = {
    "image-classification": "brickwork.tasks.image:load_images",
}


def load(table: Mapping[str, str], kind: str, name: str) -> Any:
    """The object behind a name.

    Raises:
        UnknownName: The table has no such name.
    """
    if name not in table:
        raise UnknownName(kind, name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def make_space(name: str, input: Shape) -> Space:
    """A space of the catalogue, for data of a shape.

    Raises:
        UnknownName: There is none of that name.
    """
    make = load(SPACES, "space", name)
    space: Space = make() if name in REFERENCES else make(input)
    return space
