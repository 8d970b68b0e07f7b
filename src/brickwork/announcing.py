"""What is told of the data before a search begins: what was recognised, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brickwork.config import AUGMENT, POSITIVE, Run
from brickwork.names import settings_of
from brickwork.quantity import METRICS
from brickwork.tasks.task import is_warning

__all__ = ["Line", "announced"]

_MOST = 12  # classes that are named


@dataclass(frozen=True, slots=True)
class Line:
    """A line for a person.

    Attributes:
        head: What it is about, a word; empty where it goes on with what stands above.
        text: What is said.
        warning: Whether the result is worth little if it is not heeded.
    """

    head: str
    text: str
    warning: bool = False


def announced(run: Run, facts: Mapping[str, Any], whole: bool = True) -> list[Line]:
    """The lines, warnings first.

    Args:
        run: The run, its task and objectives settled.
        facts: What is recorded of its data.
        whole: Whether all is said; else only what a study that goes on repeats.
    """
    notes = [note for note in facts["notes"] if not is_warning(note)]
    lines = [Line("!", note, warning=True) for note in facts["notes"] if is_warning(note)]
    title, why = str(facts["title"]), f"{run.task}, as was asked for"
    if notes and notes[0].startswith(f"{run.task}, because"):
        why = notes.pop(0)
    title = facts["name"] if title == facts["name"] else f"{facts['name']}: {title}"
    lines += [Line("data", title), Line("task", why)]
    if whole:
        names = _names(facts["classes"])
        told = "numbers" if run.task.endswith("-regression") else "classes"
        lines += [Line(told, names)] if names else []
    sizes = (f"{name} {split['size']:,}" for name, split in facts["splits"].items())
    lines.append(Line("samples", ", ".join(sizes)))
    if not whole:
        return lines
    goals = ", ".join(METRICS[name].label for name in run.objectives)
    limits = f"; limits {', '.join(facts['limits'])}" if facts["limits"] else ""
    lines.append(Line("improved", goals + limits))
    if run.sensitivity is not None:
        lines.append(
            Line(
                "threshold",
                f"chosen so that {100 * run.sensitivity:g} % of {facts['classes'][-1]!r} are "
                "found (--positive names the other class): on the validation split, which final "
                "trainings leave alone",
            )
        )
    lines += [Line("" if place else "notes", note) for place, note in enumerate(notes)]
    options = ["task", *settings_of(run.task), AUGMENT]
    options += [POSITIVE] if len(facts["classes"]) == 2 else []
    said = ", ".join(f"--{name.replace('_', '-')}" for name in options)
    lines.append(Line("change", f"{said} (see 'brickwork search --help')"))
    return lines


def _names(classes: Sequence[str]) -> str:
    """The classes, or the numbers, that are to be told."""
    shown = ", ".join(classes[:_MOST])
    more = f" and {len(classes) - _MOST} more" if len(classes) > _MOST else ""
    return f"{shown}{more}"
