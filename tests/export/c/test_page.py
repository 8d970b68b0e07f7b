"""What ``docs/c-files.md`` shows works as it stands there."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from integer_networks import compiled, integers, network_of

from brickwork.export.c.emulator import why_no_emulator
from brickwork.export.c.host import STRICT
from brickwork.quantity import How

PAGE = (Path(__file__).parents[3] / "docs" / "c-files.md").read_text()


def scope() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "c-files.md", "exec"), found)
    return found


NETWORK = network_of([(5, 4, 2), (2,), (3,)], [{"kind": "MEAN"}, {"kind": "FULLY_CONNECTED"}])


@compiled
def test_the_firmware_compiles(tmp_path: Path) -> None:
    for name, text in scope()["written"](NETWORK).items():
        (tmp_path / name).write_text(text)
    code = re.search(r"```c\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    (tmp_path / "main.c").write_text(code[1] + "int main(void)\n{\n    return 0;\n}\n")
    subprocess.run(["cc", *STRICT, "main.c", "kws.c"], cwd=tmp_path, check=True)


@compiled
@pytest.mark.skipif(bool(why_no_emulator()), reason=why_no_emulator() or "-")
def test_the_emulation() -> None:
    same, instructions = scope()["tried"](NETWORK, integers(NETWORK))
    assert same
    assert instructions.how is How.SIMULATED


def test_the_bytes() -> None:
    assert "kws_model_len = 3;" in scope()["header"](b"abc")
