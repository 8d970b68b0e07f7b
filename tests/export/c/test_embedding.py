"""Bytes as a header."""

import re
import subprocess
from pathlib import Path

import pytest

from brickwork.errors import ExportError
from brickwork.export.c.embedding import bytes_header
from brickwork.trial import rng_for

DATA = rng_for(0, "bytes").integers(0, 256, 1000).astype("uint8").tobytes()


def test_the_bytes_come_back() -> None:
    text = bytes_header(DATA, "net", "A model.")
    assert bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2}),", text)) == DATA
    assert f"net_len = {len(DATA)};" in text


@pytest.mark.parametrize(
    "command",
    [["gcc", "-std=c11", "-x", "c"], ["g++", "-std=c++11", "-x", "c++"]],
    ids=["c", "c++"],
)
def test_a_program_has_them_aligned(command: list[str], tmp_path: Path) -> None:
    import shutil

    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}: apt install {command[0]}")
    (tmp_path / "net.h").write_text(bytes_header(DATA, "net"))
    (tmp_path / "main.c").write_text(
        '#include <stdint.h>\n#include <stdio.h>\n#include "net.h"\n'
        "int main(void) { fwrite(net, 1, net_len, stdout); return ((uintptr_t)net & 15) != 0; }\n"
    )
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-o", "program"]
    subprocess.run([*command, "main.c", *flags], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "program"], capture_output=True, check=True)
    assert done.stdout == DATA


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="no bytes"):
        bytes_header(b"")
    with pytest.raises(ExportError, match="in C"):
        bytes_header(DATA, "a-b")
