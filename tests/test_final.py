"""What is retrained, and how the search is judged."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.config import Context, Run, task_for
from brickwork.final import (
    candidates,
    corrected,
    expected,
    gap,
    luck,
    on_new_data,
    overhead,
    runners_up,
    shared_hypervolume,
    spread_out,
    table,
)
from brickwork.objective import Objective, hypervolume
from brickwork.predictor import Encoder
from brickwork.quantity import How, Quantity
from brickwork.space import Arch
from brickwork.timetable import Pace, length, plan
from brickwork.trial import Proposal, State, Trial, rng_for

OBJECTIVES = (Objective("accuracy"), Objective("parameters"))


def trial(
    number: int, accuracy: float, parameters: float, fidelity: float = 1.0, name: str = ""
) -> Trial:
    metrics = {
        "accuracy": Quantity(accuracy, "fraction", How.MEASURED),
        "parameters": Quantity(parameters, "1", How.COUNTED),
    }
    arch = Arch.of("toy", {"n": name or str(number)})
    return Trial(number, Proposal(arch, fidelity), State.DONE, metrics, seconds=2.0)


LOWS = ((0.08, 100), (0.04, 200), (0.02, 400))  # errors and sizes


points = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=1, max_size=25, unique=True
)


@given(points)
def test_candidates_are_those_that_no_other_dominates(values: list[tuple[int, int]]) -> None:
    trials = [trial(i, a / 20, p) for i, (a, p) in enumerate(values)]
    kept = {t.number for t in candidates(corrected(trials), OBJECTIVES)}
    for i, (a, p) in enumerate(values):
        beaten = any(x >= a and y <= p and (x, y) != (a, p) for x, y in values)
        assert (i in kept) == (not beaten)


def test_an_architecture_counts_at_its_highest_fidelity() -> None:
    low, high = trial(0, 0.99, 100, 0.3, "same"), trial(1, 0.90, 100, 1.0, "same")
    rival = trial(2, 0.95, 100)
    assert candidates(corrected([low, high, rival]), OBJECTIVES) == [rival]
    assert candidates(corrected([low, rival]), OBJECTIVES) == [low]


def test_scores_at_low_fidelity_are_corrected_by_what_promotion_brought() -> None:
    low = [trial(i, 1 - error, size, 0.3, f"n{i}") for i, (error, size) in enumerate(LOWS)]
    high = [trial(9, 1 - 0.04, 100, 1.0, "n0"), trial(10, 1 - 0.01, 200, 1.0, "n1")]
    found = {t.number: t for t in corrected(low + high)}
    factor = np.sqrt((0.04 / 0.08) * (0.01 / 0.04))
    for number, (error, _) in enumerate(LOWS):
        assert found[number].metrics["accuracy"].value == pytest.approx(1 - factor * error)
        assert found[number].metrics["accuracy"].how == How.PREDICTED
    assert found[9] == high[0]
    chosen = {t.proposal.arch.id for t in candidates(corrected(low + high), OBJECTIVES)}
    assert low[2].proposal.arch.id in chosen  # without the correction trial 10 would dominate it
    assert corrected(low) == low


def noisy(number: int, accuracy: float, parameters: float) -> Trial:
    made = trial(number, accuracy, parameters)
    quantity = replace(made.metrics["accuracy"], spread=0.01)
    return replace(made, metrics={**made.metrics, "accuracy": quantity})


def test_runners_up_are_those_within_the_noise_in_the_order_of_their_fronts() -> None:
    lucky = noisy(0, 0.97, 100)
    close, closer, lost = noisy(1, 0.955, 800), noisy(2, 0.965, 400), noisy(3, 0.90, 300)
    trials = [lucky, close, closer, lost]
    assert candidates(corrected(trials), OBJECTIVES) == [lucky]
    assert runners_up(corrected(trials), OBJECTIVES, [lucky], 5) == [closer, close]
    assert runners_up(corrected(trials), OBJECTIVES, [lucky], 1) == [closer]
    assert runners_up(corrected(trials), OBJECTIVES, [lucky], 0) == []


def test_failed_trials_are_no_candidates() -> None:
    failed = trial(0, 0.99, 10).finished(State.FAILED)
    assert candidates([failed, trial(1, 0.5, 100)], OBJECTIVES) == [trial(1, 0.5, 100)]


@given(points, st.integers(1, 5))
def test_spreading_out_keeps_at_most_so_many_and_the_most_useful(
    values: list[tuple[int, int]], most: int
) -> None:
    found = candidates([trial(i, a / 20, p) for i, (a, p) in enumerate(values)], OBJECTIVES)
    kept = spread_out(found, OBJECTIVES, most)
    assert len(kept) == min(most, len(found))
    assert [t for t in found if t in kept] == kept
    if len(found) == most + 1:  # one step: no other single removal may leave more
        losses = table(OBJECTIVES, [t.metrics for t in found])
        low, high = losses.min(axis=0), losses.max(axis=0)
        reference = (high + 0.5 * np.maximum(high - low, 1e-9)).tolist()
        volumes = [
            hypervolume(losses[list(rows)], reference)
            for rows in itertools.combinations(range(len(found)), most)
        ]
        ours = hypervolume(table(OBJECTIVES, [t.metrics for t in kept]), reference)
        assert ours == pytest.approx(max(volumes))


@pytest.mark.parametrize("budget_s", [1000.0, 60.0, 32.0, 27.0, 12.0, 3.0])
def test_a_plan_keeps_to_its_time_and_prefers_whole_trainings(budget_s: float) -> None:
    found = [trial(i, 0.5 + i / 40, 10 * 2**i) for i in range(14)]
    made = plan(found, OBJECTIVES, lambda _: 5.0, budget_s, workers=2)
    assert made.expected_s <= 2 * budget_s
    assert made.expected_s == pytest.approx(5.0 * made.part * len(made.trials) * made.repetitions)
    assert made.trials
    if len(made.trials) > 8 or made.repetitions > 1:
        assert made.part == 1.0
    if budget_s >= 1000:
        assert (len(made.trials), made.repetitions) == (8, 3)
    if budget_s == 32:  # too little for two seeds of eight, enough for one of twelve
        assert (len(made.trials), made.repetitions) == (12, 1)
    if budget_s == 27:
        assert (len(made.trials), made.repetitions) == (10, 1)


def test_a_plan_without_time_still_retrains_one() -> None:
    made = plan([trial(0, 0.9, 10)], OBJECTIVES, lambda _: 500.0, 1.0, workers=2)
    assert (made.trials, made.part) == ((0,), 0.1)


def test_where_nothing_fits_the_quickest_is_trained_for_as_long_as_there_is_time() -> None:
    found = [trial(i, 0.5 + i / 40, 10 * 2**i) for i in range(5)]
    made = plan(found, OBJECTIVES, lambda t: 100.0 - t.number, 21.0, workers=2)
    assert (made.trials, made.repetitions, made.part) == ((4,), 1, 0.2)
    assert set(made.reserves) == {0, 1, 2, 3}
    pace = Pace({"4": 96.0}, made.part, 21.0, 2)
    assert pace.begin("4", 0.0) == 0.2


def test_a_plan_fits_what_two_workers_can_do_in_the_time() -> None:
    """Five equal trainings on two workers take as long as three, not as two and a half."""
    found = [trial(i, 0.5 + i / 40, 10 * 2**i) for i in range(5)]
    made = plan(found, OBJECTIVES, lambda _: 10.0, 27.0, workers=2)
    assert (len(made.trials), made.part) == (5, 0.8)  # 1.05 * 3 * 10 * 0.8 = 25.2


def test_a_model_that_cannot_be_trained_in_the_time_does_not_shorten_the_others() -> None:
    found = [trial(i, 0.5 + i / 40, 10 * 2**i) for i in range(8)]

    def seconds_of(t: Trial) -> float:
        return 100.0 if t.number in (5, 7) else 5.0

    made = plan(found, OBJECTIVES, seconds_of, 20.0, workers=2)
    assert set(made.trials) == {0, 1, 2, 3, 4, 6}
    assert made.part == 1.0
    assert not made.reserves
    few = plan(found[4:], OBJECTIVES, seconds_of, 20.0, workers=2)  # too few would be left
    assert {5, 7} & {*few.trials, *few.reserves}


def test_those_that_come_next_are_in_reserve_the_best_first() -> None:
    found = [trial(i, 0.5 + i / 40, 10 * 2**i) for i in range(10)]
    made = plan(found, OBJECTIVES, lambda _: 10.0, 27.0, workers=2)
    assert len(made.trials) + len(made.reserves) == 10
    assert not set(made.trials) & set(made.reserves)
    wider = spread_out(found, OBJECTIVES, len(made.trials) + 1)
    assert {t.number for t in wider} == {*made.trials, made.reserves[0]}
    assert not plan(found, OBJECTIVES, lambda _: 10.0, 27.0, workers=2, extra=2).reserves


def test_one_more_begins_only_where_there_is_time_for_most_of_it() -> None:
    pace = Pace({"a": 10.0}, 1.0, 50.0, 1)
    assert not pace.spare("b", 1.0, 0.0)  # what is planned comes first
    pace.begin("a", 0.0)
    assert not pace.spare("b", 1.0, 1.0)  # nothing is known of the pace
    pace.ended("a", 20.0)  # twice as slow as expected
    assert not pace.spare("b", 20.0, 20.0)
    assert pace.spare("c", 15.0, 20.0)
    assert pace.begin("c", 20.0) == 0.9  # 30 s / 1.05 of 30 s
    pace.ended("c", 47.0)
    assert not pace.spare("d", 10.0, 47.0)


def test_the_plan_counts_its_controls() -> None:
    found = [trial(i, 0.5 + i / 40, 10 * 2**i) for i in range(8)]
    alone = plan(found, OBJECTIVES, lambda _: 5.0, 70.0, workers=2)
    beside = plan(found, OBJECTIVES, lambda _: 5.0, 70.0, workers=2, extra=2)
    assert alone.repetitions > beside.repetitions


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=9))
def test_tau_agrees_with_scipy(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import kendalltau

    found = gap([(a / 9, b / 9) for a, b in pairs], seed=0)
    a, b = zip(*pairs, strict=True)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert np.isnan(found.tau)
    else:
        assert found.tau == pytest.approx(kendalltau(a, b).statistic)
    assert found.mean == pytest.approx(np.mean(np.subtract(b, a)) / 9)


def test_the_interval_of_tau_holds_it_and_is_reproducible() -> None:
    pairs = [(0.1 * i, 0.1 * i + 0.03 * (-1) ** i) for i in range(8)]
    found = gap(pairs, seed=3)
    assert found.low <= found.tau <= found.high
    assert gap(pairs, seed=3) == found
    assert gap(pairs[:2], seed=3).to_json()["tau"]["value"] is None


def test_a_better_front_has_more_of_the_shared_hypervolume() -> None:
    better = table(OBJECTIVES, [trial(0, 0.9, 100).metrics, trial(1, 0.95, 300).metrics])
    worse = table(OBJECTIVES, [trial(0, 0.8, 150).metrics])
    ours, theirs, nothing = shared_hypervolume(better, worse, np.empty((0, 2)))
    assert ours > theirs > nothing == 0.0


def test_the_fixed_part_of_a_trial_is_told_from_what_grows_with_its_fidelity() -> None:
    trials = [
        replace(trial(2 * n + full, 0.9, 100, fidelity, f"a{n}"), seconds=3.0 + rate * fidelity)
        for n, rate in enumerate((4.0, 10.0, 30.0))
        for full, fidelity in enumerate((0.25, 1.0))
    ]

    def passes(trial: Trial) -> float:
        return 20.0 * trial.proposal.fidelity

    assert overhead(trials, passes) == pytest.approx(3.0)
    assert overhead(trials[1::2], passes) == 0.0  # nothing to compare with
    assert overhead(trials, lambda _: 3.0) == 0.0  # both were trained as much


def run_at(pace: Pace, keys: str, actual: float, workers: int) -> tuple[float, dict[str, float]]:
    """Run trainings that take so many seconds when full; when the last ends, and their parts."""
    now, parts, ends = 0.0, {}, []
    for key in keys:
        if len(ends) == workers:
            now, done = heapq.heappop(ends)
            pace.ended(done, now)
        parts[key] = pace.begin(key, now)
        heapq.heappush(ends, (now + actual * parts[key], key))
    return max(ends)[0], parts


def test_trainings_as_slow_as_expected_are_at_least_as_long_as_planned() -> None:
    end, parts = run_at(Pace(dict.fromkeys("abcdef", 10.0), 0.8, 26.0, 2), "abcdef", 10.0, 2)
    assert min(parts.values()) == 0.8
    assert end <= 26.0


@pytest.mark.parametrize("slower", [1.2, 1.5, 2.0])
def test_slower_trainings_are_shortened_and_the_time_is_kept(slower: float) -> None:
    keys = "abcdefgh"
    pace = Pace(dict.fromkeys(keys, 10.0), 1.0, 45.0, 2)
    end, parts = run_at(pace, keys, 10.0 * slower, 2)
    assert parts["a"] == parts["b"] == 1.0  # nothing was known yet
    assert end <= 45.0
    assert min(parts.values()) >= 0.3


def test_where_there_is_time_all_are_whole() -> None:
    _, parts = run_at(Pace(dict.fromkeys("abcd", 10.0), 1.0, 1000.0, 2), "abcd", 20.0, 2)
    assert set(parts.values()) == {1.0}


def test_the_large_end_is_kept_though_its_errors_are_small() -> None:
    small = [trial(i, 0.94 + 0.004 * i, 1000 + 100 * i) for i in range(6)]
    large = [trial(6, 0.985, 4000), trial(7, 0.993, 9000)]
    kept = {t.number for t in spread_out(small + large, OBJECTIVES, 4)}
    assert {6, 7} <= kept


def test_what_is_expected_is_nearer_to_the_truth_than_what_was_seen() -> None:
    """Errors fall with the size, scores of short trainings are worse, and all are noisy."""
    run = Run.of(data="digits", target="stm32f746")
    context = Context.of(run, task_for(run))
    rng = rng_for(0, "expected")
    trials, truth = [], []
    for number in range(60):
        arch = context.space.sample(rng)
        known = context.known(arch)
        error = 2.0 * known["parameters"].value ** -0.5
        fidelity = 1.0 if number % 4 == 0 else 1 / 3
        score = 1.0 - error * (1.0 if fidelity == 1 else 2.0) * np.exp(0.3 * rng.normal())
        metrics = {**known, "accuracy": Quantity(score, "fraction", How.MEASURED)}
        trials.append(Trial(number, Proposal(arch, fidelity), State.DONE, metrics, seconds=1.0))
        truth.append(np.log(error))
    encoder = Encoder(context.space, tuple(known))

    def off(found: list[Trial]) -> float:
        errors = {t.number: np.log(1.0 - t.metrics["accuracy"].value) for t in found}
        return float(np.mean([abs(errors[i] - value) for i, value in enumerate(truth)]))

    likely = expected(trials, encoder, OBJECTIVES)
    assert off(likely) < 0.6 * off(corrected(trials))
    assert {t.metrics["accuracy"].how for t in likely} == {How.PREDICTED}
    assert [t.proposal for t in sorted(likely, key=lambda t: t.number)] == [
        t.proposal for t in trials
    ]
    assert expected(trials[:5], encoder, OBJECTIVES) == corrected(trials[:5])


def test_the_winner_of_several_equals_was_lucky_and_what_is_expected_is_nearer_the_truth() -> None:
    """Twelve models of one size and equally good: the best of them looks better than it is."""
    rng = rng_for(0, "equals")
    errors = np.full(12, 0.01)
    raw, corrected_ = [], []
    for i in range(60):
        losses = np.column_stack([0.1 + rng.normal(0.0, errors), np.ones(12)])
        best = int(losses[:, 0].argmin())
        raw.append(0.1 - losses[best, 0])
        corrected_.append(raw[-1] - luck(losses, errors, rng_for(i, "luck"))[best])
    assert np.mean(raw) > 0.014  # 1.63 standard errors are expected
    assert abs(np.mean(corrected_)) < 0.6 * np.mean(raw)


def test_where_nothing_was_chosen_nobody_was_lucky() -> None:
    one = luck(np.array([[0.1, 1.0]]), np.array([0.01]), rng_for(0, "one"))
    assert one[0] < 0.001
    apart = np.array([[0.3, 1.0], [0.2, 2.0], [0.1, 3.0]])  # ten errors from each other
    assert luck(apart, np.full(3, 0.01), rng_for(0, "apart")).max() < 0.001
    assert not luck(apart, np.zeros(3), rng_for(0, "exact")).any()


def test_what_is_expected_on_new_data_is_less_and_says_that_it_is_an_estimate() -> None:
    def model(accuracy: float, size: float) -> dict[str, Quantity]:
        return {
            "accuracy": Quantity(accuracy, "fraction", How.MEASURED, 0.01, "test"),
            "parameters": Quantity(size, "1", How.COUNTED),
        }

    models = [model(0.950, 100), model(0.952, 110), model(0.953, 120), model(0.80, 50)]
    found = on_new_data(models, OBJECTIVES, 0)
    for quantity, one in zip(found, models, strict=True):
        assert quantity.how is How.ESTIMATED
        assert 0 <= one["accuracy"].value - quantity.value < 0.015
        assert "among 4" in quantity.source
    assert models[2]["accuracy"].value - found[2].value > 0.002  # one of three near equals
    assert models[3]["accuracy"].value - found[3].value < 0.001  # far from the others


def pairs(*errors: tuple[float, float]) -> list[Trial]:
    """Networks that were trained for a third of a training and for all of it, with these errors."""
    return [
        trial(2 * i + whole, 1 - error, 100 + i, 1.0 if whole else 1 / 3, name=str(i))
        for i, both in enumerate(errors)
        for whole, error in enumerate(both)
    ]


FAR = ((0.6, 0.45), (0.55, 0.42), (0.5, 0.38))


@pytest.mark.parametrize(
    ("errors", "scale", "expected"),
    [
        (FAR, 0.5, 3.0),
        (FAR, 0.005, 1.0),  # so short trainings say little of what comes after a full one
        (FAR[:2], 0.5, 1.0),  # too few to tell
        (((0.6, 0.59), (0.55, 0.55), (0.5, 0.49)), 0.5, 1.0),  # more brings nothing
        (((0.6, 0.65), (0.55, 0.6), (0.5, 0.52)), 0.5, 1.0),
        ((*FAR, (0.4, 0.1)), 0.5, 1.0),  # one has nearly learned it
    ],
)
def test_final_trainings_are_longer_where_much_is_left_to_learn(errors, scale, expected) -> None:
    found = pairs(*errors)
    assert length(found, "accuracy", scale) == expected
    # of several fidelities the highest below the top one tells, whatever the lower ones say
    lower = [trial(90 + i, 0.1 + 0.3 * i, 100, 1 / 9, name=str(i)) for i in range(len(errors))]
    assert length(lower + found, "accuracy", scale) == expected
    failed = [replace(t, state=State.FAILED) for t in found]
    assert length(failed, "accuracy", scale) == 1.0
    assert length(found, "parameters", scale) == 1.0
