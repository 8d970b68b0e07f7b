"""The supernets of a run: what final trainings inherit from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy
import torch

from brickwork import worker
from brickwork.config import Context, Run, task_for
from brickwork.errors import BrickworkError
from brickwork.nets.build import Net, weights_of
from brickwork.sharing import inherited, make_supernet
from brickwork.space import Arch
from brickwork.tasks.training import Trained
from brickwork.trial import rng_for
from brickwork.worker import Worker


def context(**settings: Any) -> Context:
    run = Run.of(data="digits", target="stm32f746", strategy="sandwich", **settings)
    return Context.of(run, task_for(run))


def with_supernets(made: Context, folder: Path, count: int = 2) -> None:
    for number in range(count):
        weights = dict(weights_of(make_supernet(made, number)))
        safetensors.numpy.save_file(weights, folder / f"{number}.safetensors")


def member(made: Context) -> Arch:
    return made.space.sample(rng_for(0, "member"))


def begun(made: Context, folder: Path, monkeypatch: pytest.MonkeyPatch, repetition: int) -> Any:
    """What a retraining returns, and the weights with which it began."""
    seen: list[dict[str, torch.Tensor]] = []

    def untrained(net: Net, *_: Any, epochs: int, **__: Any) -> Trained:
        seen.append({name: value.clone() for name, value in net.state_dict().items()})
        return Trained({}, (), 0.0, epochs, "done", b"")

    monkeypatch.setattr(worker, "train", untrained)
    job = {"kind": "retrain", "repetition": repetition, "part": 1.0}
    result = Worker(made, folder)({**job, "arch": member(made).to_json()})
    return result, seen[0]


def test_final_trainings_begin_with_the_weights_of_a_supernet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = context(warm_start=True)
    with_supernets(made, tmp_path)
    for repetition in range(3):
        result, weights = begun(made, tmp_path, monkeypatch, repetition)
        assert result["warm"]
        wanted = make_supernet(made, repetition % 2).extract(member(made)).state_dict()
        assert weights.keys() == wanted.keys()
        assert all(torch.equal(weights[name], wanted[name]) for name in wanted)


def test_they_begin_with_fresh_weights_unless_asked_and_where_there_is_no_supernet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with_supernets(context(), tmp_path)
    unasked, fresh = begun(context(), tmp_path, monkeypatch, 0)
    without, same = begun(context(warm_start=True), empty, monkeypatch, 0)
    assert not unasked["warm"]
    assert not without["warm"]
    assert all(torch.equal(fresh[name], same[name]) for name in fresh)
    heir = inherited(context(), tmp_path, member(context()), 0)
    assert heir is not None
    assert not all(torch.equal(fresh[name], value) for name, value in heir.state_dict().items())


@pytest.mark.parametrize("strategy", ["auto", "darts", "zero-cost"])
def test_a_strategy_without_a_supernet_has_nothing_to_inherit(strategy: str) -> None:
    with pytest.raises(BrickworkError, match=f"{strategy}' trains no supernet.*sandwich"):
        Run.of(data="digits", strategy=strategy, warm_start=True)
