"""What the answers of a model mean, for its card, and what they are worth, class by class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["by_class", "called", "gives_numbers", "meaning", "named", "not_for"]

_MOST = 30  # classes that are shown one by one
_NAMED = 20  # outputs whose names stand in the card


def gives_numbers(info: Mapping[str, Any]) -> bool:
    """Whether a model answers with numbers, such as prices, and not with classes."""
    return bool((info.get("judge") or {}).get("kind") == "numbers")


def called(info: Mapping[str, Any]) -> str:
    """What the outputs are called: logits, probabilities, or numbers."""
    return "numbers" if gives_numbers(info) else str(info.get("answers", "logits"))


def meaning(info: Mapping[str, Any], shape: str) -> str:
    """What comes out, in a line.

    Args:
        info: Of the card; ``judge`` says of which kind they are.
        shape: Of the answers, for a reader.
    """
    answers = info.get("judge") or {}
    if gives_numbers(info):
        names = zip(answers["names"], answers["mean"], answers["std"], strict=True)
        said = "; ".join(f"{name} = {std:.7g} * y + {mean:.7g}" for name, mean, std in names)
        return f"numbers in standard units, `{shape}`: {said}"
    if answers.get("kind") == "masks":
        return (
            f"logits of each position, `{shape}`: its class is the largest along the second axis, "
            "along the last one in files that are channels last"
        )
    if info.get("answers") == "probabilities":
        return f"probabilities, `{shape}`; not calibrated"
    return f"logits, `{shape}`; their softmax is not calibrated"


def named(info: Mapping[str, Any]) -> Iterator[str]:
    """The names of the outputs, in a line of the card."""
    names = [_code(name) for name in info.get("classes", ())]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        what = "Numbers" if gives_numbers(info) else "Classes"
        yield f"- {what}, in the order of the outputs: {', '.join(names[:_NAMED])}{more}"


def by_class(info: Mapping[str, Any]) -> Iterator[Sequence[Sequence[str]]]:
    """Tables of a card, heads first: results of each class or number, and points of operation.

    Args:
        info: Of the card; ``details`` of its verification is what the judge found on the test
            split.
    """
    details = (info.get("verification") or {}).get("details") or {}
    rows = details.get("classes") or details.get("numbers") or []
    if rows and len(rows) <= _MOST:
        yield [
            tuple(rows[0]),
            *(tuple(_shown(value) for value in row.values()) for row in rows),
        ]
    points = details.get("points") or []
    if points:
        yield [
            tuple(points[0]),
            *(tuple(_shown(value, name) for name, value in point.items()) for point in points),
        ]


def not_for(info: Mapping[str, Any]) -> Iterator[str]:
    """What a model must not be used for, a line each."""
    if gives_numbers(info):
        yield "It says a number for any input, however far it is from what it was trained on."
    else:
        yield "It knows its classes only: it gives one of them for any input; it is not calibrated."
    yield (
        "Its scores hold for data like the test split; nothing is known about other cameras, "
        "devices, places, people or times. Measure it on your own data first."
    )
    yield (
        "It is not for decisions about a person's health, safety, freedom or money, unless those "
        "who answer for them have tested it for that: it is no medical device, and nobody has "
        "examined it as one."
    )


def _shown(value: Any, name: str = "") -> str:
    if name == "threshold":  # as it is: another one would give something else
        return f"{value:.10g}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _code(value: Any) -> str:
    """A name as code, so that it is clear where it ends, whatever is in it."""
    text = " ".join(str(value).split())
    if "`" in text:
        return f"`` {text} ``"
    return f"`{text}`"
