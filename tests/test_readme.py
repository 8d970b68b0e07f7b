"""The code in the README and in docs/ that is marked ``<!-- runs -->`` runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^<!-- runs -->\n+```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks():
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for match in BLOCK.finditer(path.read_text()):
            line = path.read_text()[: match.start()].count("\n") + 2
            yield pytest.param(match[1], match[2], id=f"{path.name}:{line}")


@pytest.mark.parametrize(("language", "code"), list(blocks()))
def test_block_runs(language, code, tmp_path):
    commands = tmp_path / "bin"
    commands.mkdir()
    command = commands / "brickwork"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m brickwork "$@"\n')
    command.chmod(0o755)
    program = {"python": [sys.executable, "-c", code], "bash": ["bash", "-euc", code]}[language]
    environment = {**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
