"""Plain C99 of a quantised network, and what runs it: a compiler here, emulated processors.

``jobs`` is what is executed, ``placing`` in which order and where in memory, ``calls`` with which
kernel, ``writer`` puts it into a file. ``host`` and ``emulator`` run the file.
"""

from brickwork.export.c.writer import CFiles, write_c

__all__ = ["CFiles", "write_c"]
