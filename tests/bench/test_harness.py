"""A search on a table: what counts, when it ends, and what is judged."""

from __future__ import annotations

import numpy as np
import pytest

from brickwork.bench.harness import Told, run
from brickwork.bench.protocol import COUNTS, KINDS, Score, header, lines, summary
from brickwork.bench.setting import Setting
from brickwork.bench.table import Table
from brickwork.benching import TABULAR, strategy
from brickwork.strategies.base import Problem
from brickwork.trial import Proposal, State, Trial, rng_for


class Script:
    """Asks for what it was given, in order, and remembers what it was told."""

    def __init__(self, proposals: list[Proposal]) -> None:
        self.left = list(proposals)
        self.told: list[Trial] = []
        self.lag: list[int] = []

    def ask(self, n: int) -> list[Proposal]:
        return [self.left.pop(0)] if self.left else []

    def tell(self, trial: Trial) -> None:
        self.told.append(trial)


def test_every_proposal_counts_also_what_the_table_lacks(table: Table) -> None:
    limited = Setting.of(table, "val_12", "test", ["phone"], ["phone<=10"])
    archs = limited.table.archs
    dear = archs[int(np.argmax(limited.table.columns["phone"]))]
    asked = Script([Proposal(a) for a in (archs[0], table.archs[5], dear, archs[0])])
    told = run(asked, limited, 10)
    assert [one.row for one in told] == [0, None, None, 0]
    assert [one.spent for one in told] == [1, 2, 3, 4]
    states = [trial.state for trial in asked.told]
    assert states == [State.DONE, State.FAILED, State.INFEASIBLE, State.DONE]
    assert "phone" not in asked.told[2].cause
    assert "latency_ms" in asked.told[2].cause
    assert not asked.told[2].scored


def test_workers_run_at_once_and_short_trainings_end_first(setting: Setting) -> None:
    a, b, c, d = setting.table.archs[:4]
    asked = Script([Proposal(a), Proposal(b, 0.25), Proposal(c, 0.25), Proposal(d)])
    told = run(asked, setting, 10, workers=2)
    assert [trial.proposal.arch for trial in asked.told] == [b, c, a, d]
    assert [one.clock for one in told] == [0.25, 0.5, 1.0, 1.5]
    assert [one.spent for one in told] == [0.25, 0.5, 1.5, 2.5]


def test_quick_trainings_end_first_where_the_table_has_times(table: Table) -> None:
    timed = Setting.of(table, "val_12", "test", low={0.25: "val_3"}, time="phone")
    order = np.argsort(table.columns["phone"], kind="stable")
    slow, quick = (timed.table.archs[i] for i in (order[-1], order[0]))
    long, short = timed.seconds(Proposal(slow)), timed.seconds(Proposal(quick))
    asked = Script([Proposal(slow), Proposal(quick), Proposal(slow, 0.25)])
    told = run(asked, timed, 10, workers=2)
    assert [trial.proposal for trial in asked.told] == [
        Proposal(quick),
        Proposal(slow, 0.25),
        Proposal(slow),
    ]
    assert [one.clock for one in told] == [short, short + 0.25 * long, long]
    assert [one.spent for one in told] == [1.0, 1.25, 2.25]


def test_compute_is_spent_and_no_more(setting: Setting) -> None:
    archs = setting.table.archs
    half = [Proposal(arch, 0.25) for arch in archs[:8]]
    told = run(Script(half), setting, 1.5)
    assert len(told) == 6
    assert told[-1].spent == 1.5


@pytest.mark.parametrize("name", [*TABULAR, "asha:nsga2", "hyperband:auto"])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_strategy_runs_on_a_table_and_again_the_same(
    setting: Setting, name: str, workers: int
) -> None:
    def once() -> list[Told]:
        return run(strategy(name, setting, 3), setting, 20, workers)

    told = once()
    assert told == once()
    assert told[-1].spent == pytest.approx(20, abs=0.99)
    rows = [(one.row, one.fidelity) for one in told]
    assert len(set(rows)) == len(rows)
    assert None not in {row for row, _ in rows}


@pytest.mark.parametrize("name", TABULAR)
def test_nothing_infeasible_is_asked_for_where_most_of_the_space_is(
    table: Table, name: str
) -> None:
    limited = Setting.of(table, "val_12", "test", ["phone"], ["phone<=3"])
    assert limited.feasible.mean() < 0.05
    told = run(strategy(name, limited, 0), limited, 20)
    lost = sum(one.row is None for one in told)
    assert lost == 0


@pytest.mark.parametrize("name", [*TABULAR, "asha:nsga2", "hyperband:auto"])
@pytest.mark.parametrize(("rows", "part"), [(40, None), (3000, 0.01)])
def test_no_evaluation_is_lost_while_anything_sound_is_left(
    table: Table, name: str, rows: int, part: float | None
) -> None:
    """Of a table that is not complete, and of one where a limit leaves one network in a hundred."""
    some = rng_for(0, "rows").permutation(len(table.archs)) < rows
    kept = table.only(some)
    limits = []
    if part is not None:
        limits = [f"phone<={np.quantile(kept.columns['phone'], part)}"]
    few = Setting.of(kept, "val_12", "test", ["phone"], limits)
    count = int(few.feasible.sum())
    assert 25 <= count <= 60
    assert few.problem.costs() == ("latency_ms",)
    told = run(strategy(name, few, 0), few, count + 20)
    assert {one.row for one in told} == set(np.flatnonzero(few.feasible).tolist())
    assert len(told) == count


def test_the_score_is_the_area_of_a_staircase(setting: Setting) -> None:
    score = Score(setting)
    signal, cost = setting.table.columns["val_12"], np.log(setting.table.columns["phone"])
    table = np.column_stack([100 - signal, cost])
    low, high = table.min(axis=0), np.quantile(table, 0.9, axis=0)
    scaled = (table - low) / (high - low)

    def area(rows: list[int]) -> float:
        total, left = 0.0, 1.0
        for x, y in sorted((scaled[i, 0], scaled[i, 1]) for i in rows):
            if x < 1 and y < left:
                total += (1 - x) * (left - y)
                left = y
        return float(total)

    rows = [3, 700, 100, 20, 364]
    whole = area(list(range(len(cost))))
    assert score(rows)["signal"] == pytest.approx(area(rows) / whole)
    assert score(list(range(len(cost))))["signal"] == pytest.approx(1.0)
    assert score([])["signal"] == 0.0


def test_the_small_end_is_judged_by_itself(table: Table) -> None:
    """As the whole is, on a table that has nothing else; what is dear changes nothing."""
    whole = Setting.of(table, "val_12", "test", ["phone"])
    cost = whole.table.columns["phone"]
    cheap = np.flatnonzero(cost <= np.quantile(cost, 0.25))
    alone = Setting.of(
        whole.table.only(np.isin(np.arange(len(cost)), cheap)), "val_12", "test", ["phone"]
    )
    found = [0, 5, 30, 99, 700]
    dear = [i for i in range(len(cost)) if i not in set(cheap.tolist())][:50]
    small = Score(whole)([*cheap[found].tolist(), *dear])["small"]
    assert 0 < small < 1
    assert small == pytest.approx(Score(alone)(found)["signal"])
    assert Score(whole)(dear)["small"] == 0.0
    assert Score(whole)(cheap.tolist())["small"] == pytest.approx(1.0)


def test_with_accuracy_alone_the_incumbent_is_judged(table: Table) -> None:
    alone = Setting.of(table, "val_12", "test")
    found = Score(alone)([3, 700, 100])
    signal, test = table.columns["val_12"], table.columns["test"]
    best = max([3, 700, 100], key=lambda i: signal[i])
    assert found["signal"] == pytest.approx(signal[best])
    assert found["test"] == found["best_test"] == pytest.approx(test[best])
    assert found["regret"] == pytest.approx(test.max() - test[best])


def test_only_whole_trainings_are_judged_at_the_compute_they_took(setting: Setting) -> None:
    told = [Told(9, 0.25, 0.25, 0.25), Told(700, 1.0, 1.25, 1.25), Told(100, 1.0, 2.25, 2.25)]
    score = Score(setting)
    along = score.along(told, (1, 2, 3))
    assert [along[m]["signal"] for m in (1, 2, 3)] == [
        score(rows)["signal"] for rows in ([], [700], [700, 100])
    ]


def test_the_summary_is_what_is_promised(setting: Setting) -> None:
    score = Score(setting)
    runs = [score.along([Told(i, 1.0, 1.0, 1.0)], (1, 2)) for i in (9000, 15_000)]
    found = summary(runs, 0.5)
    assert set(found) == {*KINDS, *COUNTS, "cpu_s"}
    assert found["signal"]["1"]["mean"] == pytest.approx(
        (score([9000])["signal"] + score([15_000])["signal"]) / 2
    )
    assert found["signal"]["1"]["sd"] > 0
    assert len(header((1, 2)).split()) == 6
    assert len(lines("name", found)) == len(KINDS)
    alone, *rest = lines("asha:climb.py:Climb", found)  # too long for its column
    assert alone == "asha:climb.py:Climb"
    assert [line.split() for line in rest] == [line.split() for line in lines("", found)]
    nothing = summary([score.along([], (1,))], 0.0)
    assert nothing["best_test"]["1"] == {"mean": None, "sd": None, "values": [None]}
    assert any("-" in line for line in lines("name", nothing))


def test_a_mean_is_that_of_all_seeds_or_none(setting: Setting) -> None:
    score = Score(setting)
    good = score.along([Told(9000, 1.0, 1.0, 1.0)], (1,))
    bad = score.along([Told(None, 1.0, 1.0, 1.0)], (1,))
    found = summary([good, bad, good], 0.5)
    best = good[1]["best_test"]
    assert found["best_test"]["1"] == {"mean": None, "sd": None, "values": [best, None, best]}
    assert found["signal"]["1"]["values"] == [good[1]["signal"], 0.0, good[1]["signal"]]
    assert found["lost"]["1"]["values"] == [0, 1, 0]
    assert found["lost"]["1"]["mean"] == pytest.approx(1 / 3)


def test_what_was_lost_is_counted_and_printed_only_then(setting: Setting) -> None:
    told = [Told(None, 1.0, 1.0, 1.0), Told(9, 1.0, 2.0, 2.0), Told(None, 1.0, 3.0, 3.0)]
    along = Score(setting).along(told, (1, 2, 3))
    assert [along[mark]["lost"] for mark in (1, 2, 3)] == [1, 1, 2]
    (line,) = (one for one in lines("name", summary([along], 0.0)) if "lost" in one)
    assert line.split() == ["lost", "1.00", "1.00", "2.00"]
    sound = Score(setting).along([Told(9, 1.0, 1.0, 1.0)], (1,))
    assert not any("lost" in one for one in lines("name", summary([sound], 0.0)))


def test_the_clock_says_when_so_much_compute_had_ended(setting: Setting) -> None:
    """Four trainings at a time; the last mark is never reached."""
    found = {}
    for workers in (1, 4):
        asked = Script([Proposal(arch) for arch in setting.table.archs[:10]])
        told = run(asked, setting, 20, workers)
        found[workers] = Score(setting).along(told, (1, 6, 10, 20))
    marks = (1, 6, 10)
    assert [found[1][mark]["clock"] for mark in marks] == [1, 6, 10]
    assert [found[4][mark]["clock"] for mark in marks] == [1, 2, 3]
    assert np.isnan(found[4][20]["clock"])
    spread = summary([found[4]], 0.0)["clock"]
    assert spread["6"] == {"mean": 2.0, "sd": 0.0, "values": [2.0]}
    assert spread["20"]["mean"] is None
    assert any("clock" in line for line in lines("name", summary([found[4]], 0.0)))
    assert not any("clock" in line for line in lines("name", summary([found[1]], 0.0)))


def test_a_problem_of_a_table_is_one_like_any_other(setting: Setting) -> None:
    assert isinstance(setting.problem, Problem)
    assert setting.problem.costs() == ("latency_ms",)


def test_a_table_with_several_seeds_answers_a_repetition_with_another(table: Table) -> None:
    seeds = Setting.of(table, "val_12", "test", ["phone"], again=["val_3"])
    assert seeds.problem.repetitions == 2
    arch = seeds.table.archs[700]
    asked = Script([Proposal(arch), Proposal(arch, repetition=1), Proposal(arch, repetition=2)])
    told = run(asked, seeds, 10)
    values = [t.metrics["accuracy"].value for t in asked.told if t.scored]
    columns = [table.columns[name] / 100 for name in ("val_12", "val_3")]
    row = seeds.row[arch.id]
    kept = np.flatnonzero(table.columns["phone"] > 0.5)
    assert values == pytest.approx([column[kept[row]] for column in columns])
    assert asked.told[2].state is State.FAILED
    assert [one.repetition for one in told] == [0, 1, 2]


def test_the_mean_of_what_was_seen_is_judged(table: Table) -> None:
    seeds = Setting.of(table, "val_12", "test", again=["val_3"])
    score = Score(seeds)
    one, two = table.columns["val_12"], table.columns["val_3"]
    assert score([3, 3, 700], [0, 1, 0])["signal"] == max((one[3] + two[3]) / 2, one[700])
    assert score([3, 3], [0, 0])["signal"] == one[3]
    again = [Told(700, 1.0, 1.0, 1.0), Told(700, 1.0, 2.0, 2.0, 1)]
    along = score.along(again, (1, 2))
    assert along[1]["signal"] == one[700]
    assert along[2]["signal"] == (one[700] + two[700]) / 2


def test_the_default_asks_for_further_seeds_where_there_are_any(table: Table) -> None:
    for again in ([], ["val_3"]):
        seeds = Setting.of(table, "val_12", "test", ["phone"], again=again)
        told = run(strategy("auto", seeds, 0), seeds, 40)
        assert any(one.repetition for one in told) == bool(again)
