"""Training of shared weights, and what is taken from it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from brickwork import sharing
from brickwork.config import Context, Run, task_for
from brickwork.errors import TrainingError
from brickwork.estimators.shared import SharedEstimator
from brickwork.nets import build, weights_of
from brickwork.nets.layers import BatchNorm
from brickwork.oneshot import SHARED
from brickwork.oneshot.paths import Sandwich
from brickwork.oneshot.preparing import Allowance
from brickwork.oneshot.trainer import calibrate, shared_recipe, train_supernet
from brickwork.sharing import checkpoints, make_supernet, rule_of
from brickwork.tasks.training import evaluate
from brickwork.trial import Proposal


@pytest.fixture(scope="module")
def context() -> Context:
    run = Run.of(data="digits", target="stm32f746", strategy="sandwich")
    return Context.of(run, task_for(run))


@pytest.fixture(scope="module")
def trained(context):
    net = make_supernet(context)
    recipe = shared_recipe(context.space)
    train_supernet(net, context.task, Sandwich(context.space), recipe, epochs=4, seed=0)
    return net


def test_shared_weights_learn(context, trained):
    """Members that hardly a step has run by themselves are far better than chance."""
    seen = torch.from_numpy(context.task.arrays("train")[0])
    scores = []
    for arch in context.space.extremes():
        module = trained.extract(arch)
        calibrate(module, seen)
        scores.append(evaluate(module, context.task, "val")["accuracy"].value)
    assert scores[1] > scores[0] > 0.3


def test_the_same_seed_gives_the_same_weights(context):
    weights = []
    for _ in range(2):
        net = make_supernet(context)
        recipe = shared_recipe(context.space)
        train_supernet(net, context.task, rule_of(context), recipe, epochs=1, seed=3)
        weights.append(weights_of(net))
    for name, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][name])


def test_calibration_gives_the_statistics_of_the_samples(context):
    module = build(context.graph(context.space.extremes()[0]))
    norm = next(part for part in module.modules() if isinstance(part, BatchNorm))
    seen: list[torch.Tensor] = []
    norm.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    calibrate(module, torch.from_numpy(context.task.arrays("train")[0][:512]), batch=512)
    axes = (0, *range(2, seen[0].dim()))
    torch.testing.assert_close(norm.running_mean, seen[0].mean(axes))
    torch.testing.assert_close(norm.running_var, seen[0].var(axes))
    assert norm.momentum == BatchNorm.__init__.__globals__["BATCH_NORM_MOMENTUM"]
    assert not module.training


def test_a_shared_score_is_an_estimate_and_other_fidelities_are_trained(context, trained, tmp_path):
    from safetensors.numpy import save_file

    save_file(dict(weights_of(trained)), tmp_path / "0.safetensors")
    made = SharedEstimator(
        context.task, lambda: make_supernet(context), tmp_path, context.estimator, 0
    )
    arch = context.space.extremes()[1]
    found = made.estimate(Proposal(arch, SHARED), None).metrics["accuracy"]
    assert str(found.how) == "estimated"
    assert "shared in 1 supernets" in found.source
    assert made.estimate(Proposal(arch, SHARED), None).metrics["accuracy"] == found
    whole = made.estimate(Proposal(arch, 0.02), None)
    assert whole.notes["epochs"] > 0


def test_without_a_supernet_there_is_no_shared_score(context, tmp_path):
    made = SharedEstimator(
        context.task, lambda: make_supernet(context), tmp_path, context.estimator, 0
    )
    with pytest.raises(TrainingError, match="no trained supernet"):
        made.estimate(Proposal(context.space.extremes()[0], SHARED), None)


def test_a_supernet_that_is_interrupted_goes_on_where_it_was(context, tmp_path, monkeypatch):
    """The result is that of an unbroken training, also when the process was killed."""
    monkeypatch.setattr(sharing, "supernet_epochs", lambda *_: 3)
    monkeypatch.setattr(sharing, "checkpoints", lambda path: checkpoints(path, 0.0))
    done: list[float] = []

    class Killed(Sandwich):
        last = 1.0

        def paths(self, progress, rng):
            if progress > self.last:
                raise KeyboardInterrupt
            done.append(progress)
            return super().paths(progress, rng)

    def prepared(name: str) -> bytes:
        monkeypatch.setattr(sharing, "rule_of", lambda _: Killed(context.space))
        allowance = Allowance(0, 1.0, time.monotonic() + 600, tmp_path / name)
        return sharing.prepare(context, allowance)["weights"]

    whole = prepared("whole")
    Killed.last = 0.5
    with pytest.raises(KeyboardInterrupt):
        prepared("broken")
    Killed.last = 1.0
    done.clear()
    assert prepared("broken") == whole
    assert done[0] == pytest.approx(1 / 3)  # the first of three epochs was kept
