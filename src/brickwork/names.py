"""The one table of names: what can be named on the command line, as ``"module:object"``.

The command line, the documentation and the contract tests read these tables.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from brickwork.checked import Checked, carefully
from brickwork.errors import BrickworkError, SpaceError, UnknownName
from brickwork.export.formats import EXPORTERS
from brickwork.own import is_own, named
from brickwork.space import Choice, Shape, Space
from brickwork.strategies.base import Problem, Strategy
from brickwork.tasks.task import FORM

__all__ = [
    "EXPORTERS",
    "INPUTS",
    "PREPARING",
    "REFERENCES",
    "RELAXATIONS",
    "SPACES",
    "STRATEGIES",
    "SUGGESTERS",
    "SUPERNETS",
    "TASKS",
    "USUAL_SPACES",
    "load",
    "make_space",
    "make_strategy",
    "parted",
    "settings_of",
    "strategy_or_raise",
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
    "unet": "brickwork.spaces.masks:unet",
    "vit": "brickwork.spaces.attention:vit",
    "transformer": "brickwork.spaces.attention:transformer",
    "textcnn": "brickwork.spaces.texts:textcnn",
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
    "asha": "brickwork.strategies.halving:Asha",
    "auto": "brickwork.strategies.auto:Auto",
    "bananas": "brickwork.strategies.bayesian:Bananas",
    "bayesian": "brickwork.strategies.bayesian:Bayesian",
    "beta-darts": "brickwork.oneshot.suggested:Suggested",
    "darts": "brickwork.oneshot.suggested:Suggested",
    "darts2": "brickwork.oneshot.suggested:Suggested",
    "drnas": "brickwork.oneshot.suggested:Suggested",
    "evolution": "brickwork.strategies.evolution:Evolution",
    "fair": "brickwork.oneshot.gated:Gated",
    "gdas": "brickwork.oneshot.suggested:Suggested",
    "grid": "brickwork.strategies.grid:Grid",
    "halving": "brickwork.strategies.halving:Halving",
    "hyperband": "brickwork.strategies.halving:Hyperband",
    "local": "brickwork.strategies.local:Local",
    "nsga2": "brickwork.strategies.nsga2:NSGA2",
    "ofa": "brickwork.oneshot.gated:Gated",
    "one-shot": "brickwork.oneshot.gated:Gated",
    "optuna-nsga2": "brickwork.strategies.samplers:OptunaNsga2",
    "optuna-tpe": "brickwork.strategies.samplers:OptunaTpe",
    "pasha": "brickwork.strategies.halving:Pasha",
    "pc-darts": "brickwork.oneshot.suggested:Suggested",
    "ppo": "brickwork.strategies.controllers:Ppo",
    "proxyless": "brickwork.oneshot.suggested:Suggested",
    "random": "brickwork.strategies.random:Random",
    "reinforce": "brickwork.strategies.controllers:Reinforce",
    "sandwich": "brickwork.oneshot.gated:Gated",
    "tchebycheff": "brickwork.strategies.evolution:Tchebycheff",
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
PREPARING = frozenset({*SUPERNETS, *SUGGESTERS})
"""Strategies that train or look at networks before the search, all with samples of one form."""
TASKS: Mapping[str, str] = {
    "image-classification": "brickwork.tasks.image:load_images",
    "segmentation": "brickwork.tasks.segmentation:load_masks",
    "series-classification": "brickwork.tasks.series:load_series",
    "series-regression": "brickwork.tasks.series:load_series_numbers",
    "sound-classification": "brickwork.tasks.sound:load_sounds",
    "table-classification": "brickwork.tasks.table:load_table",
    "table-regression": "brickwork.tasks.table:load_numbers",
    "text-classification": "brickwork.tasks.text:load_texts",
    "volume-classification": "brickwork.tasks.volume:load_volumes",
}
INPUTS: Mapping[str, str] = {
    "image-classification": "brickwork.tasks.image:image_inputs",
    "series-classification": "brickwork.tasks.series:series_inputs",
    "series-regression": "brickwork.tasks.series:series_inputs",
    "table-classification": "brickwork.tasks.table:table_inputs",
    "table-regression": "brickwork.tasks.table:table_inputs",
    "text-classification": "brickwork.tasks.text:text_inputs",
    "volume-classification": "brickwork.tasks.volume:volume_inputs",
}
"""For each task that reads samples and labels from a pair of arrays: what makes later samples, in
such arrays, into what networks take, as its loader does."""
USUAL_SPACES: Mapping[str, str] = {
    "image-classification": "mobile",
    "segmentation": "unet",
    "series-classification": "series",
    "series-regression": "series",
    "sound-classification": "speech",
    "table-classification": "mlp",
    "table-regression": "mlp",
    "text-classification": "textcnn",
    "volume-classification": "mobile",
}
"""For each task the space that is searched where none was named."""


def load(table: Mapping[str, str], kind: str, name: str) -> Any:
    """The object behind a name, or in a file of the user (see ``own``).

    Raises:
        BrickworkError: A file has no such object.
        UnknownName: The table has no such name.
    """
    if is_own(name) and kind in ("strategy", "space"):
        return named(kind, name)
    if name not in table:
        raise UnknownName(kind, name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def settings_of(task: str) -> list[str]:
    """The settings that say how the data of a task are to be read.

    Args:
        task: Its name in the table.

    Raises:
        UnknownName: There is none of that name.
    """
    known = inspect.signature(load(TASKS, "task", task)).parameters.values()
    return [one.name for one in known if "str" in str(one.annotation)]  # settings are texts


def make_space(
    name: str, input: Shape, facts: Mapping[str, Any] | None = None, forms: Sequence[str] = ()
) -> Space:
    """A space of the catalogue, for data of a shape.

    Args:
        name: In the table.
        input: Shape of a sample.
        facts: What else is known of the data, possibly out of JSON; a space is given what it asks
            for.
        forms: What samples may be made into; which it is becomes a decision.

    Raises:
        BrickworkError: The function of a user's file failed, or gave no space.
        SpaceError: The space is not for such data.
        UnknownName: There is none of that name.
    """
    make = load(SPACES, "space", name)
    if name in REFERENCES:
        return make()  # type: ignore[no-any-return]
    taken = inspect.signature(make).parameters
    if facts is not None and "vocabulary" in taken and "vocabulary" not in facts:
        raise SpaceError(f"space {name!r} reads the ids of a text: these data are none")
    known = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in (facts or {}).items()
        if key in taken
    }
    if is_own(name):
        space = carefully(name, "the space", make, input, **known)
    else:
        space = make(input, **known)
    if not isinstance(space, Space):
        raise BrickworkError(f"{name}: expected a Space, the function gave {type(space).__name__}")
    if not forms:
        return space
    recipe = {**space.recipe_fields, FORM: Choice(FORM, tuple(forms))}
    return Space(space.name, space.body, recipe, space.doc)


def parted(name: str) -> tuple[str, str]:
    """A strategy, and the one that it stands around; empty for none."""
    outer, _, inner = name.partition(":")
    first, _, rest = inner.partition(":")
    if is_own(outer) and first and first not in STRATEGIES and not is_own(first):  # FILE.py:Class
        return f"{outer}:{first}", rest
    return outer, inner


def strategy_or_raise(name: str) -> None:
    """Check the name of a strategy, or of one around another, such as ``"asha:evolution"``.

    Raises:
        BrickworkError: The outer one takes no other strategy, or the inner one prepares something.
        UnknownName: There is none of that name.
    """
    outer, inner = parted(name)
    make = load(STRATEGIES, "strategy", outer)
    if not inner:
        if name.endswith(":"):
            raise BrickworkError(f"strategy {name!r}: name the one that it stands around after ':'")
        return
    if "inner" not in inspect.signature(make).parameters:
        around = [one for one, path in STRATEGIES.items() if ".halving:" in path]
        raise BrickworkError(
            f"strategy {outer!r} takes no other strategy: one of {', '.join(around)} does"
        )
    if inner in PREPARING:
        raise BrickworkError(f"strategy {inner!r} prepares its search: it runs by itself only")
    strategy_or_raise(inner)
    if "inner" in inspect.signature(load(STRATEGIES, "strategy", parted(inner)[0])).parameters:
        raise BrickworkError(
            f"strategy {name!r}: {inner!r} trains in several steps itself: put one around a "
            "strategy that does not, such as evolution"
        )


def make_strategy(name: str, problem: Problem, seed: int, **offered: Any) -> Strategy:
    """A strategy by name, or one around another, such as ``"asha:evolution"``.

    Args:
        name: As ``strategy_or_raise`` takes it.
        problem: What is searched.
        seed: Decides everything.
        offered: Settings; a strategy is given those that it takes.

    Raises:
        BrickworkError: See ``strategy_or_raise``.
    """
    strategy_or_raise(name)
    outer, inner = parted(name)
    make = load(STRATEGIES, "strategy", outer)
    taken = inspect.signature(make).parameters
    options = {key: value for key, value in offered.items() if key in taken}
    if inner:
        whole = {key: value for key, value in offered.items() if key != "low"} | {"low": 1.0}
        options["inner"] = lambda problem, seed: make_strategy(inner, problem, seed, **whole)
    if is_own(outer):
        return Checked(lambda: make(problem, seed, **options), outer, problem)
    made: Strategy = make(problem, seed, **options)
    return made
