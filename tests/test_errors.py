"""The exception tree: one root, and messages that say what to do."""

from __future__ import annotations

import inspect
import re

import pytest

from brickwork import errors
from brickwork.errors import BrickworkError, MissingExtra, UnknownName

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_every_public_name_is_in_the_tree():
    assert all(issubclass(cls, BrickworkError) for cls in CLASSES)
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, BaseException)
    }
    assert defined == set(errors.__all__)


def test_the_drawing_is_the_tree():
    """The drawing on top of the module gives each class the parent that it has."""
    drawn: list[tuple[int, str]] = [
        (match.start(1), match[1])
        for line in errors.__doc__.splitlines()
        if (match := re.match(r"[ │├└─]*([A-Z]\w+)  ", line))
    ]
    assert {name for _, name in drawn} == set(errors.__all__)
    for i, (depth, name) in enumerate(drawn[1:], start=1):
        parent = next(other for column, other in reversed(drawn[:i]) if column < depth)
        assert getattr(errors, name).__bases__ == (getattr(errors, parent),)


def test_the_root_is_an_exception_of_its_own():
    assert BrickworkError.__bases__ == (Exception,)
    assert not any(issubclass(cls, ValueError | OSError) for cls in CLASSES)


def test_unknown_name_offers_the_close_one():
    text = str(UnknownName("target", "stm32f764", ["cpu", "stm32f746", "pixel"]))
    assert "unknown target 'stm32f764'" in text
    assert "did you mean 'stm32f746'?" in text
    assert text.endswith("known are cpu, pixel, stm32f746")


def test_unknown_name_without_a_close_one_lists_all():
    text = str(UnknownName("space", "zzz", iter(["mobile", "cell"])))
    assert "did you mean" not in text
    assert text.endswith("known are cell, mobile")


def test_missing_extra_says_what_to_install():
    assert str(MissingExtra("mcu", "the TFLite export")) == (
        "the TFLite export needs an extra: pip install 'brickwork[mcu]'"
    )


@pytest.mark.parametrize("error", [UnknownName("a", "b", ["c"]), MissingExtra("a", "b")], ids=repr)
def test_messages_are_one_line(error):
    assert "\n" not in str(error)
