"""What names and texts may stand in a C file."""

from __future__ import annotations

import re
import textwrap

from brickwork.errors import ExportError

__all__ = ["checked_name", "comment", "plain"]

_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const
constexpr continue decltype default delete do double else enum explicit export extern false
float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr
operator or or_eq private protected public register restrict return short signed sizeof static
struct switch template this throw true try typedef typeid typename union unsigned using virtual
void volatile wchar_t while xor xor_eq
"""  # of C and C++
_KEYWORDS = frozenset(_WORDS.split())

_LONGEST = 40  # compilers need not tell names apart by more than 63 characters


def checked_name(name: str) -> str:
    """The name itself.

    Raises:
        ExportError: It is no name in C, or one that C keeps for itself.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in _KEYWORDS:
        raise ExportError(
            f"{name!r} is no name in C: use letters, digits and underscores, a letter first"
        )
    if "__" in name or len(name) > _LONGEST:
        raise ExportError(
            f"{name!r} cannot begin names in C: at most {_LONGEST} characters, no double underscore"
        )
    return name


def plain(text: str) -> str:
    """A text on one line that can stand in a comment of C."""
    line = " ".join(text.split()).encode("ascii", "replace").decode()
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("\\", "/")


def comment(*paragraphs: str, width: int = 96) -> list[str]:
    """The lines of a comment; a paragraph with line breaks is kept as it is."""
    lines: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        if number:
            lines.append("")
        lines += paragraph.splitlines() if "\n" in paragraph else textwrap.wrap(paragraph, width)
    if len(lines) == 1:
        return [f"/* {lines[0]} */"]
    starred = [f" * {line}".rstrip() for line in lines]
    return [f"/* {lines[0]}", *starred[1:], " */"]
