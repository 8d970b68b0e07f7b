"""The invented studies of ``example.py``, and a reader of HTML that insists on good form."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from brickwork.report import render

VOID = {"br", "meta", "img", "input", "hr", "link"}


@cache
def _load() -> ModuleType:
    path = Path(__file__).with_name("example.py")
    spec = importlib.util.spec_from_file_location("report_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _rendered(name: str) -> str:
    return render(_load().STUDIES[name]())


@pytest.fixture(scope="session")
def example() -> ModuleType:
    """The module of invented studies."""
    return _load()


@pytest.fixture(scope="session")
def page() -> Callable[[str], str]:
    """The report of an invented study, by name; rendered once."""
    return _rendered


class Page(HTMLParser):
    """Elements, their attributes and the visible text; refuses elements that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._keep(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID or "svg" in self.open, f"<{tag}/> closes itself in SVG only"
        self._keep(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes {self.open[-1]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        within = self.open[-1] if self.open else ""
        {"script": self.scripts, "style": self.styles}.get(within, self.text).append(data)

    def _keep(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str, **attributes: Any) -> list[dict[str, str]]:
        """The attributes of all elements with that tag and those attributes."""
        wanted = {k.rstrip("_").replace("_", "-"): str(v) for k, v in attributes.items()}
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]

    def words(self) -> str:
        """All text outside scripts and styles."""
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Page]:
    """Read HTML; fails where it is not well formed."""
    return Page
