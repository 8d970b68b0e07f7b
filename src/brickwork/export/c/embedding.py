"""The bytes of a file as a header, for programs that carry a TensorFlow Lite model with them."""

from __future__ import annotations

from brickwork.export.c.naming import checked_name, comment, plain

__all__ = ["bytes_header"]

_IN_A_LINE = 16


def bytes_header(data: bytes, name: str = "model", title: str = "") -> str:
    """The text of the header: ``NAME[]``, aligned as TensorFlow Lite Micro wants it, ``NAME_len``.

    Args:
        data: The bytes.
        name: What they are called.
        title: A line about them, for their reader.

    Raises:
        ExportError: The name is no name in C.
        ValueError: There are no bytes.
    """
    checked_name(name)
    if not data:
        raise ValueError("there are no bytes to embed")
    upper = name.upper()
    rows = [
        "  " + " ".join([f"0x{byte:02x}," for byte in data[start : start + _IN_A_LINE]])
        for start in range(0, len(data), _IN_A_LINE)
    ]
    about = comment(
        plain(title) if title else "A TensorFlow Lite model.",
        f"Written by Brickwork. Include it in one file; {name} goes to tflite::GetModel().",
    )
    return "\n".join(
        [
            *about,
            f"#ifndef {upper}_DATA_H",
            f"#define {upper}_DATA_H",
            "",
            "#ifndef __cplusplus",
            "#include <stdalign.h>",
            "#endif",
            "",
            f"alignas(16) const unsigned char {name}[] = {{",
            *rows,
            "};",
            f"const unsigned int {name}_len = {len(data)};",
            "",
            "#endif",
            "",
        ]
    )
