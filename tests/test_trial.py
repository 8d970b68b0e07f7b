"""Trials through JSON, and streams of random numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.errors import SpaceError
from brickwork.quantity import METRICS, How, Quantity
from brickwork.space import Arch
from brickwork.trial import Proposal, State, Trial, rng_for

options = st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False)
archs = st.builds(
    Arch.of, st.text(min_size=1), st.dictionaries(st.text(min_size=1), options | st.text())
)
fidelities = st.floats(0, 1, exclude_min=True)
proposals = st.builds(Proposal, archs, fidelities, st.none() | st.integers(0, 1000))
quantities = st.builds(
    Quantity,
    st.floats(-1e9, 1e9),
    st.just("1"),
    st.sampled_from(How),
    st.none() | st.floats(0, 9),
    st.text(),
)
trials = st.builds(
    Trial,
    st.integers(0, 10_000),
    proposals,
    st.sampled_from(State),
    st.dictionaries(st.sampled_from(sorted(METRICS)), quantities),
    st.text(),
    st.none() | st.integers(0, 1000),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
)


@given(trials)
def test_json_round_trip(trial):
    back = Trial.from_json(json.loads(json.dumps(trial.to_json())))
    assert back == trial
    assert back.proposal.arch.id == trial.proposal.arch.id


def test_an_unknown_metric_survives_json():
    metrics = {"latency_ms": Quantity(math.nan, "ms", How.UNKNOWN)}
    trial = Trial(0, Proposal(Arch.of("s", {})), State.DONE, metrics)
    back = Trial.from_json(json.loads(json.dumps(trial.to_json(), allow_nan=False)))
    assert math.isnan(back.metrics["latency_ms"].value)


def test_a_trial_ends_in_a_state():
    trial = Trial(3, Proposal(Arch.of("s", {"w": 4}), fidelity=0.5))
    ended = trial.finished(State.FAILED, cause="killed", seconds=2.0)
    assert (ended.number, ended.proposal) == (3, trial.proposal)
    assert (ended.state, ended.cause, ended.seconds) == (State.FAILED, "killed", 2.0)
    assert trial.state is State.WAITING


@pytest.mark.parametrize("state", State)
def test_what_carries_a_score(state):
    trial = Trial(0, Proposal(Arch.of("s", {})), state)
    assert trial.scored == (state in ("done", "twin"))


@pytest.mark.parametrize("data", [{}, [], None, {"space": "s"}, {"space": 1, "choices": {}}])
def test_what_is_not_an_architecture(data):
    with pytest.raises(SpaceError, match='"space": NAME'):
        Arch.from_json(data)


# --- streams --------------------------------------------------------------------------------------


@given(st.integers(0, 2**63), st.lists(st.text() | st.integers(), max_size=3))
def test_a_stream_is_a_function_of_seed_and_names(seed, names):
    assert rng_for(seed, *names).random(4).tolist() == rng_for(seed, *names).random(4).tolist()


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.lists(st.text('ab/", ', max_size=4), max_size=3)),
        unique_by=repr,
        max_size=20,
    )
)
def test_different_names_give_different_streams(keys):
    draws = {tuple(rng_for(seed, *names).random(2).tolist()) for seed, names in keys}
    assert len(draws) == len(keys)


def test_streams_are_not_correlated():
    """Neighbouring seeds and numbers: the mean correlation of 64 streams is what chance gives."""
    table = np.array([rng_for(seed, "trial", n).random(400) for seed in range(8) for n in range(8)])
    correlations = np.corrcoef(table)[np.triu_indices(64, k=1)]
    assert abs(correlations).max() < 5 / math.sqrt(400)
    assert abs(correlations.mean()) < 0.005


def test_a_stream_does_not_change_between_versions():
    """A stored study is replayed with the streams of the version that began it."""
    assert rng_for(0, "sample", 7).integers(0, 10**6, 4).tolist() == [
        143198,
        849213,
        165563,
        409957,
    ]
