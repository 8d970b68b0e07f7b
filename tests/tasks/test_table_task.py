"""Tables as a task, and the file that makes numbers of a row without Brickwork."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from brickwork.config import Run, task_for
from brickwork.errors import DataError
from brickwork.names import make_space
from brickwork.nets.build import build
from brickwork.space import graph
from brickwork.tasks.changing import NoChanges, RowChanges, changes_of, described
from brickwork.tasks.raw import Raw
from brickwork.tasks.rows import cells
from brickwork.tasks.samples import Prepared, regression
from brickwork.tasks.table import load_numbers, load_table
from brickwork.tasks.table import prepare as prepared
from brickwork.tasks.table.columns import learned
from brickwork.tasks.table.leaking import giveaways
from brickwork.tasks.table.prepare import prepare
from brickwork.tasks.training import Recipe, evaluate, train

JOBS = ("clerk", "cook", "smith", "farmer")


def rows(n: int = 300, seed: int = 0) -> list[dict[str, str]]:
    """Some people, of whom the older and the smiths are rich."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        age, job = rng.uniform(18, 80), JOBS[rng.integers(4)]
        rich = age + 20 * (job == "smith") + rng.normal(0, 8) > 60
        found.append(
            {
                "nr": str(i),
                "age": "" if i % 17 == 0 else f"{age:.1f}",
                "job": "?" if i % 23 == 0 else job,
                "gain": f"{np.exp(rng.normal(5, 3)):.0f}",
                "planet": "earth",
                "nothing": "",
                "name": f"person {rng.integers(10**9)}",
                "income": ">50K" if rich else "<=50K",
                "wealth": f"{age * 3 + 50 * (job == 'smith'):.2f}",
            }
        )
    return found


def write(path: Path, found: list[dict[str, str]], leave_out: tuple[str, ...] = ()) -> Path:
    names = [name for name in found[0] if name not in leave_out]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(found)
    return path


@pytest.fixture
def task(tmp_path):
    return load_table(write(tmp_path / "people.csv", rows(), ("wealth",)), label="income")


def test_the_task(task):
    assert task.kind == "table-classification"
    assert task.classes == ("<=50K", ">50K")
    assert task.normalize is None
    x, _ = task.arrays("train")
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert task.facts["categories"] == (len(JOBS) + 1,)
    assert task.input == (1 + 1 + 1 + 1,)  # age, whether it is missing, gain, job
    assert abs(x[:, 0].mean()) < 1e-5
    notes = "\n".join(task.notes)
    assert "2 numbers and 1 categories; 'gain' by the logarithm; 1 of the numbers" in notes
    assert "constant in training: 'planet'" in notes
    assert "empty in training: 'nothing'" in notes
    assert "hardly the same in two rows: 'name'" in notes
    assert "the numbers of the rows: 'nr'" in notes or "'nr' looks like" in notes


def test_what_goes_with_a_model_gives_the_same_numbers(task, tmp_path):
    for name, text in task.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    strange = {"age": "old", "job": "astronaut", "gain": "1e9"}
    some = [*rows(), strange, {}, {"age": 30, "job": None, "gain": float("nan")}]
    code = (
        "import json, sys, prepare\n"
        "out = prepare.prepare(json.loads(sys.stdin.read()), prepare.settings())\n"
        "print(json.dumps(out.tolist()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        input=json.dumps(some), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = np.array(json.loads(done.stdout), np.float32)
    about = json.loads(task.files["prepare.json"])
    assert (found == prepare(some, about)).all()
    assert "brickwork" not in task.files["prepare.py"]
    data = np.concatenate([task.data[split][0] for split in ("train", "val", "test")])
    order = np.lexsort(data.T), np.lexsort(found[:300].T)
    assert (data[order[0]] == found[:300][order[1]]).all()
    last = task.facts["categories"][0] - 1
    assert found[300:, -1].tolist() == [last] * 3
    assert found[300].tolist()[:2] == [found[301][0], 1.0]  # no number is as missing


def test_a_category_that_only_the_test_split_has(tmp_path):
    train = write(tmp_path / "a.csv", rows(), ("wealth",))
    new = [row | {"job": "astronaut", "gain": ""} for row in rows(40, 1)]
    test = write(tmp_path / "b.csv", new, ("wealth",))
    task = load_table(train, label="income", test=str(test))
    assert task.splits["test"].size == 40
    assert set(task.data["test"][0][:, -1]) == {float(len(JOBS))}
    assert np.isfinite(task.data["test"][0]).all()


def test_a_run_reads_both_files(tmp_path):
    """As `brickwork search a.csv --label income --test b.csv` does."""
    train = write(tmp_path / "a.csv", rows(), ("wealth",))
    test = write(tmp_path / "b.csv", rows(40, 1), ("wealth",))
    run = Run.of(data=str(train), reading={"label": "income", "test": str(test)})
    task = task_for(run)
    assert task.kind == "table-classification"
    assert task.splits["test"].size == 40
    wrong = write(tmp_path / "c.csv", rows(40, 1), ("age",))
    with pytest.raises(DataError, match=r"c.csv: its columns are not those .* missing: 'age'"):
        task_for(run.model_copy(update={"reading": run.reading | {"test": str(wrong)}}))
    with pytest.raises(DataError, match="takes no --series"):
        task_for(Run.of(data="digits", reading={"series": "patient"}))


def test_a_first_line_that_was_taken_for_a_row_is_pointed_out(tmp_path):
    rows = [f"{'abc'[i % 3]},{i / 7:.3f},{i * i % 31},{'xy'[i // 3 % 2]}" for i in range(60)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["region,10,30,verdict", *rows]) + "\n")
    with pytest.raises(DataError, match=r"class 'verdict' has 1 .*--label 'verdict'") as caught:
        load_table(path)
    assert "the first line was read as a row" in str(caught.value)
    assert load_table(path, label="verdict").classes == ("x", "y")
    path.write_text("\n".join([*rows, "a,1,2,z"]) + "\n")
    with pytest.raises(DataError, match=r"class 'z' has 1 training sample.*leave the class out$"):
        load_table(path)


def test_what_a_missing_cell_is_written_as():
    assert prepared.MISSING == cells.MISSING  # twice, since prepare.py stands alone


def test_forgetting_categories():
    changes = RowChanges((4, 7), part=0.5)
    x = torch.tensor([[9.0, 1, 2]] * 400)
    found, labels = changes(x, x[:, 0], 1.0, torch.Generator().manual_seed(0))
    assert (found[:, 0] == 9).all()
    assert set(found[:, 1].tolist()) == {1.0, 4.0}
    assert 0.4 < float((found[:, 2] == 7).float().mean()) < 0.6
    assert torch.equal(changes(x, labels, 0.0, torch.Generator())[0], x)
    assert changes_of(json.loads(json.dumps(described(changes)))) == changes


def test_a_number_in_stretches():
    rng = np.random.default_rng(0)
    column = np.where(rng.random(3000) < 0.9, 0.0, rng.exponential(1000, 3000).round())
    x = np.stack([column, rng.normal(size=3000)], axis=1).astype(object)
    about, _ = learned(x, ("gain", "plain"), "here")
    gain, plain = about["numbers"]
    assert gain["unit"] > 0
    assert plain["unit"] == 0
    for one in (gain, plain):
        knots = one["knots"]
        assert knots == sorted(set(knots))
        assert 3 <= len(knots) <= 13
    found = prepare([{"gain": g, "plain": p} for g, p in x], about)
    assert found.shape[1] == len(gain["knots"]) + len(plain["knots"])
    stretches = found[:, 1 : len(gain["knots"])]
    assert stretches.min() == 0
    assert stretches.max() == 1
    total = (stretches * np.diff(gain["knots"])).sum(axis=1) + gain["knots"][0]
    assert np.allclose(total, column, rtol=1e-4, atol=0.1)  # nothing is lost
    wide, _ = learned(np.tile(x, 60), [str(i) for i in range(120)], "here")
    assert not any(one["knots"] for one in wide["numbers"])


def test_numbers_to_tell(tmp_path):
    path = write(tmp_path / "people.csv", rows(), ("income",))
    task = load_numbers(path, label="wealth")
    assert task.kind == "table-regression"
    assert task.classes == ("wealth",)
    x, y = task.arrays("train")
    assert (y.dtype, y.shape) == (np.float32, (len(x), 1))
    space = make_space("mlp", task.input, task.facts)
    arch = space.extremes()[0]
    module = build(graph(space, arch, task.input, task.outputs), torch.Generator().manual_seed(0))
    train(module, task, Recipe.of({**space.recipe(arch), "lr": 0.02}), epochs=60, seed=0)
    assert evaluate(module, task, "val")["r2"].value > 0.8


def test_a_column_that_gives_the_label_away(tmp_path):
    found = [row | {"code": {">50K": "B", "<=50K": "A"}[row["income"]]} for row in rows()]
    task = load_table(write(tmp_path / "a.csv", found, ("wealth",)), label="income")
    (note,) = [note for note in task.notes if note.startswith("leak")]
    assert "'code' tells the label by itself (100.0 %)" in note
    found = [row | {"twice": str(2 * float(row["wealth"]))} for row in rows()]
    task = load_numbers(write(tmp_path / "b.csv", found, ("income",)), label="wealth")
    assert any("leak: column 'twice'" in note for note in task.notes)


def test_groups_stay_together(tmp_path):
    found = [row | {"family": f"f{i // 3}"} for i, row in enumerate(rows())]
    path = write(tmp_path / "a.csv", found, ("wealth",))
    task = load_table(path, label="income", group="family")
    assert any("each group in one split" in note for note in task.notes)


def test_arrays_and_embedded_data():
    from sklearn.datasets import load_diabetes, load_wine

    x, y = load_wine(return_X_y=True)
    task = load_table((x, y))
    assert (task.outputs, task.input) == (3, (13,))
    x, y = load_diabetes(return_X_y=True)
    assert load_numbers((x, y)).input == (10,)


def test_real_table(shared_data):
    task = load_table(
        shared_data / "tables/adult.data.gz",
        label="classification",
        test=str(shared_data / "tables/adult.test.gz"),
    )
    assert task.classes == ("<=50K", ">50K")
    assert task.splits["test"].size == 16281
    assert len(task.facts["categories"]) == 8
    assert not any("tells the label" in note for note in task.notes)


BAD = {
    "label": ({"label": "money"}, {}, "no column 'money'; there are 'nr', 'age'"),
    "one class": ({"label": "planet"}, {}, "all training labels are 'earth'"),
    "no label": ({"label": "nothing"}, {}, "300 rows have no value in the label column 'nothing'"),
    "group": ({"label": "income", "group": "town"}, {}, "no column 'town'"),
    "nan": ({"label": "income"}, {"income": "nan"}, "1 row has no value .* row 6"),
    "rare": ({"label": "income"}, {"income": "??"}, "class '.{2}' has 1 training sample"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_told(tmp_path, case):
    settings, change, says = BAD[case]
    found = rows()
    found[5] |= change
    with pytest.raises(DataError, match=says) as caught:
        load_table(write(tmp_path / "a.csv", found), **settings)
    assert "\n" not in str(caught.value)


def test_numbers_that_are_none(tmp_path):
    found = rows()
    found[5] |= {"wealth": "much"}
    path = write(tmp_path / "a.csv", found)
    with pytest.raises(DataError, match="'much' in row 6 of the label column 'wealth'"):
        load_numbers(path, label="wealth")
    with pytest.raises(DataError, match="'earth' in row 1"):
        load_numbers(path, label="planet")
    with pytest.raises(DataError, match="is the same for all training samples"):
        load_numbers((np.random.default_rng(0).normal(size=(9, 2)), np.ones(9)))
    with pytest.raises(DataError, match="no column tells one row from another"):
        load_table((np.ones((9, 2)), np.arange(9) % 3))


def test_labels_that_are_not_finite():
    y = {"train": np.array([[1.0], [np.nan], [2.0]], np.float32)}
    raw = Raw("a", "a", "here", {"train": np.eye(3)}, y)
    with pytest.raises(DataError, match=r"1 of the 3 labels of the train split .* row 2"):
        regression(raw, ("y",), "table-regression", 0, lambda _: Prepared(None, NoChanges()))


@pytest.mark.parametrize("count", [60, 150])
def test_a_column_that_gives_the_label_away_of_few_rows(tmp_path, count):
    codes = {">50K": "B", "<=50K": "A"}
    found = [
        row | {"code": codes[row["income"]], "score": str(i + 1000 * (row["income"] == ">50K"))}
        for i, row in enumerate(rows(count))
    ]
    task = load_table(write(tmp_path / "a.csv", found, ("wealth",)), label="income")
    said = [note for note in task.notes if note.startswith("leak: column")]
    assert [note.split("'")[1] for note in said] == ["code", "score"]
    found = [row | {"twice": str(2 * float(row["wealth"]))} for row in rows(count)]
    task = load_numbers(write(tmp_path / "b.csv", found, ("income",)), label="wealth")
    assert any("leak: column 'twice'" in note for note in task.notes)


def test_chance_gives_no_label_away():
    rng = np.random.default_rng(0)
    for n in (40, 60, 120):
        for few in (2, 8, n // 2):
            y = np.array(["no"] * n, object)
            y[rng.permutation(n)[:few]] = "yes"
            x = np.empty((n, 200), object)
            x[:, :100] = rng.normal(size=(n, 100))
            x[:, 100:180] = rng.integers(0, 4, (n, 80)).astype(str)
            x[:, 180:] = [[f"row {i}"] for i in range(n)]
            notes = giveaways(x, y.astype(str), [str(i) for i in range(200)])
            assert not any("leak" in note for note in notes)
            assert bool(notes) == (few == 2)  # too few to tell from chance: it says so


def test_what_was_not_looked_for_is_said(tmp_path):
    task = load_table(write(tmp_path / "a.csv", rows(36), ("wealth",)), label="income")
    (note,) = [note for note in task.notes if "not checked" in note]
    assert note.endswith("that takes 40 training rows, there are 36")
    task = load_table(write(tmp_path / "b.csv", rows(60), ("wealth",)), label="income")
    assert not any("not checked" in note for note in task.notes)


@pytest.mark.parametrize(
    ("name", "kinds", "hinted"),
    [
        ("patient_id", 60, True),
        ("PatientID", 60, True),
        ("subject", 60, True),
        ("id", 60, True),
        ("patient_id", 300, False),  # each row is of its own
        ("group", 2, False),  # a trait
        ("age_group", 60, False),
    ],
)
def test_a_column_like_a_group_is_pointed_out(tmp_path, name, kinds, hinted):
    found = [row | {name: f"p{i % kinds}"} for i, row in enumerate(rows())]
    file = write(tmp_path / "a.csv", found, ("wealth",))
    task = load_table(file, label="income")
    notes = [note for note in task.notes if note.startswith("hint: column")]
    assert bool(notes) == hinted
    assert not hinted or f"--group {name} keeps each in one split" in notes[0]
    if hinted:
        again = load_table(file, label="income", group=name)
        assert not any(note.startswith("hint") for note in again.notes)


def test_categories_that_training_has_not_are_counted(tmp_path):
    train = write(tmp_path / "a.csv", rows(), ("wealth",))
    new = [row | ({"job": "astronaut"} if i < 3 else {}) for i, row in enumerate(rows(40, 1))]
    test = write(tmp_path / "b.csv", new, ("wealth",))
    task = load_table(train, label="income", test=str(test))
    said = "3 of 40 test rows have a 'job' that training has not, such as 'astronaut'"
    assert [note for note in task.notes if said in note]
    same = load_table(
        train, label="income", test=str(write(tmp_path / "c.csv", rows(40, 1), ("wealth",)))
    )
    assert not any("training has not" in note for note in same.notes)
