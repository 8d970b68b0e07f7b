"""A process that may crash: replies, what is written to file descriptor 2, and bad ends."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from brickwork.devices.child import Child
from brickwork.errors import ModelFileError


def work(job: dict[str, Any]) -> dict[str, Any]:
    """What the child of these tests does."""
    do = job.get("do", "")
    if do == "write":
        os.write(2, job["text"].encode())
        print("this is no reply")
    elif do == "refuse":
        os.write(2, job.get("text", "").encode())
        raise ValueError("it does not fit")
    elif do == "crash":
        os.write(2, b"about to die\n")
        os.kill(os.getpid(), signal.SIGSEGV)
    elif do == "fail":
        raise SystemExit("no more")
    elif do == "sleep":
        time.sleep(60)
    return {"pid": os.getpid()}


def child(timeout_s: float = 30.0) -> Child:
    return Child("The tool", "test_child:work", timeout_s)


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))


def test_one_process_serves_many_jobs():
    with child() as one:
        first, _ = one.ask({})
        second, noise = one.ask({"do": "write", "text": "hello\n"})
        third, silence = one.ask({})
    assert first == second == third
    assert first["pid"] != os.getpid()
    assert "hello" in noise
    assert silence == ""


def test_a_refusal_says_what_native_code_wrote_or_else_the_error():
    with child() as one:
        with pytest.raises(ModelFileError, match="The tool cannot run it: ValueError: it does not"):
            one.ask({"do": "refuse"})
        with pytest.raises(ModelFileError, match="The tool cannot run it: no op; at node 3"):
            one.ask({"do": "refuse", "text": "loading\nno op\nat node 3\n"})
        assert one.ask({})[0]["pid"]


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("crash", r"crashed with signal 11 \(.*\): about to die"),
        ("fail", "ended with exit code 1: no more"),
    ],
)
def test_an_end_costs_one_job(do, message):
    with child() as one:
        first = one.ask({})[0]
        with pytest.raises(ModelFileError, match=message) as caught:
            one.ask({"do": do})
        assert "\n" not in str(caught.value)
        assert one.ask({})[0] != first


def test_what_takes_too_long_is_ended():
    with child(timeout_s=1.0) as one, pytest.raises(ModelFileError, match="took over 1 s"):
        one.ask({"do": "sleep"})
