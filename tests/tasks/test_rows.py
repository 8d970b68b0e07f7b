"""Rows from files and from objects, and what their columns are for."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from stand_ins import ClassLabel, DataSet, Frame

from brickwork.errors import DataError
from brickwork.recognising import recognised
from brickwork.tasks.arrays import labels_of
from brickwork.tasks.rows import first_rows, is_text, read_rows, read_sheet

TEXTS = [f"message number {i} has {i % 7} words or so" for i in range(12)]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def cells(source, **kwargs):
    rows = read_rows(source, **kwargs)["train"]
    return rows.names, rows.cells.tolist()


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "names", "first"),
    [
        ("a.csv", "age,job\n39, clerk\n50, cook\n", ("age", "job"), ["39", "clerk"]),
        ("a.csv.gz", "age,job\n39,clerk\n50,cook\n", ("age", "job"), ["39", "clerk"]),
        ("a.csv", "age;job\n39;clerk, old\n50;cook\n", ("age", "job"), ["39", "clerk, old"]),
        ("a.csv", '﻿a,b\n1,"x, ""y""\nz"\n\n2,w\n', ("a", "b"), ["1", 'x, "y"\nz']),
        ("a.csv", "5.1,3.5,setosa\n4.9,3.0,setosa\n", ("1", "2", "3"), ["5.1", "3.5", "setosa"]),
        ("a.csv", "red,yes\nblue,no\nred,no\n", ("1", "2"), ["red", "yes"]),
        ("a.csv", "colour,sweet\nblue,no\nred,no\n", ("colour", "sweet"), ["blue", "no"]),
        ("a.data", "5.1 3.5  a\n4.9 3.0  b\n", ("1", "2", "3"), ["5.1", "3.5", "a"]),
        ("a.tsv", 'ham\tsay "hi\nspam\t"win"\nham\tok\n', ("1", "2"), ["ham", 'say "hi']),
        ("a.txt", "text\tlabel\nfar, far off\tham\n", ("text", "label"), ["far, far off", "ham"]),
        ("a.csv", ",x\n0,3\n1,4\n", ("column 1", "x"), ["0", "3"]),
        ("a.csv", "1,5;2,25;x\n1,7;-3;y\n1;4,5;x\n", ("1", "2", "3"), ["1.5", "2.25", "x"]),
        ("a.csv", "a;b\n1,234;x\n2,345;y\n", ("a", "b"), ["1,234", "x"]),  # or thousands
        ("a.csv", "a;b\n1,234;0,5\n2,345;7\n", ("a", "b"), ["1.234", "0.5"]),
        ("a.csv", "a;b\n1,5;x\n2.5;y\n", ("a", "b"), ["1,5", "x"]),  # points as well
        ("a.csv", 'a,b\n"1,5",x\n"2,5",y\n', ("a", "b"), ["1,5", "x"]),
    ],
)
def test_files(tmp_path, name, text, names, first):
    found, rows = cells(write(tmp_path / name, text))
    assert found == names
    assert rows[0] == first


LONG = "How satisfied are you with the service that our company provides?"


@pytest.mark.parametrize(
    ("names", "row"),
    [
        (f"{LONG},age,verdict", "{i},{j},{kind}"),
        (f"{LONG},verdict", "{some},{kind}"),
        ("region,2019,2020,2021,verdict", "{some},{i},{i}.5,{j},{kind}"),
    ],
)
def test_names_that_look_like_no_names(tmp_path, names, row):
    rows = [row.format(i=i, j=7 * i % 30, some="nsew"[i % 4], kind="xy"[i % 2]) for i in range(30)]
    found = read_rows(write(tmp_path / "a.csv", "\n".join([names, *rows])))["train"]
    assert found.names == tuple(names.split(","))
    assert len(found) == 30


@pytest.mark.parametrize(
    "row",
    ["born {i},1950,1990,{kind}", "{i},?,{kind}", "a text of many words, all in all {i},{kind}"],
)
def test_first_rows_that_are_no_names(tmp_path, row):
    rows = [row.format(i=i, kind="xy"[i % 2]) for i in range(30)]
    assert len(read_rows(write(tmp_path / "a.csv", "\n".join(rows)))["train"]) == 30


def test_names_that_a_file_has_twice(tmp_path):
    path = write(tmp_path / "a.csv", "a,a,kind\n1,2,x\n3,4,y\n")
    with pytest.raises(DataError, match="2 columns are called 'a': rename them"):
        read_rows(path)


def test_decimal_commas_are_said(tmp_path):
    text = "größe;gewicht;note\n" + "1,71;70,3;gut, ja\n?;80;nein, 1,5\n" * 9
    sheet = read_sheet(write(tmp_path / "a.csv", text))
    assert sheet.x["train"].tolist()[:2] == [["1.71", "70.3"], ["?", "80"]]
    assert sheet.y["train"].tolist()[:2] == ["gut, ja", "nein, 1,5"]
    said = "numbers with a decimal comma in 'größe', 'gewicht': 1,71 was read as 1.71; give later"
    assert any(said in note and "with a point" in note for note in sheet.notes)


def test_latin_1_and_utf_8(tmp_path):
    for encoding in ("utf-8", "latin-1", "utf-8-sig"):
        path = write(tmp_path / "a.csv", "größe,art\n1,süß\n2,naß\n", encoding)
        assert cells(path) == (("größe", "art"), [["1", "süß"], ["2", "naß"]])


def test_questions(tmp_path):
    path = write(tmp_path / "a.label", "DESC:manner How far ?\nHUM:ind Who is é ?\n", "latin-1")
    rows = read_rows(path)["train"]
    assert rows.names == ("class", "finer class", "text")
    assert rows.cells.tolist()[1] == ["HUM", "ind", "Who is é ?"]
    assert read_sheet(path).label == "class"
    assert read_sheet(path, "finer class").y["train"].tolist() == ["manner", "ind"]


def test_parquet(tmp_path):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"age": [39, None], "job": ["clerk", "cook"], "rich": [True, False]})
    frame.write_parquet(tmp_path / "a.parquet")
    expected = (("age", "job", "rich"), [[39.0, "clerk", "True"], ["", "cook", "False"]])
    assert cells(tmp_path / "a.parquet") == expected
    assert cells(frame) == expected
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a readable parquet file"):
        read_rows(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", " \n\n", "is empty"),
        ("a.csv", "age,label\n", "holds a line of names but no rows"),
        ("a.csv", "age,job\n1,a\n\n2,b,c\n", "line 4 has 3 cells, the first line has 2"),
        ("a.tsv", "ham\tx\nspam\n", "line 2 has 1 cells, the first line has 2"),
        ("a.csv", 'age,job\n1,"a\n2,b\n', "cannot be read .*check its quotes"),
        ("a.label", "DESC:x How ?\nWhat is it ?\n", "line 2 does not begin with a CLASS:finer"),
        ("a.csv", "a\0b", "is not a text file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, text, says):
    path = write(tmp_path / name, text)
    with pytest.raises(DataError, match=says) as caught:
        read_rows(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_packed_file_that_is_cut_off(tmp_path):
    path = write(tmp_path / "a.csv.gz", "a,b\n" + "1,2\n" * 999)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(path)


def test_a_first_look_reads_no_more(tmp_path):
    path = write(tmp_path / "a.csv", "a,b\n" + "1,2\n" * 500 + "broken\n")
    assert len(first_rows(path)) == 199
    cut = write(tmp_path / "b.csv", "a,b\n" + "1,2\n" * 198 + '"x\ny",2\n')
    assert len(first_rows(cut)) == 198  # the last one ends beyond what was looked at


# --- objects --------------------------------------------------------------------------------------


def test_frames():
    data = {"age": [39, 50.5, float("nan")], "job": ["clerk", None, " cook "]}
    expected = (("age", "job"), [[39.0, "clerk"], [50.5, ""], ["", "cook"]])
    assert cells(Frame(data)) == expected
    names, rows = cells((Frame({"age": [1, 2]}), np.array([True, False])))
    assert (names, rows) == (("age", "label"), [[1.0, "True"], [2.0, "False"]])


def test_names_that_are_there_twice():
    frame = Frame({"a": [1, 2]})
    frame.columns = ["a", "a"]
    with pytest.raises(DataError, match="two columns are called 'a'"):
        read_rows(frame)


def test_several_columns_of_text_are_texts(tmp_path):
    rows = "".join(f'"{i % 4}","{t}","on {t} and more"\n' for i, t in enumerate(TEXTS))
    assert recognised(write(tmp_path / "news.csv", rows)).task == "text-classification"


def test_data_sets():
    one = DataSet({"text": TEXTS, "label": [i % 2 for i in range(12)]},
                  {"label": ClassLabel(["good", "bad"])})  # fmt: skip
    found = read_rows({"train": one, "validation": one, "unsupervised": one})
    assert list(found) == ["train", "val"]
    assert found["train"].column("label").tolist()[:2] == ["good", "bad"]
    assert recognised(one).task == recognised({"train": one}).task == "text-classification"
    with pytest.raises(DataError, match="one must be 'train'"):
        read_rows({"test": one})
    with pytest.raises(DataError, match="column 'image' holds list values"):
        read_rows(DataSet({"image": [[1, 2]], "label": [0]}))


def test_arrays():
    names, rows = cells((np.array([[1, 2], [3, 4]]), np.array([0, 1])))
    assert (names, rows) == (("1", "2", "label"), [[1.0, 2.0, 0.0], [3.0, 4.0, 1.0]])
    assert cells((["a b", "c d"], ["x", "y"])) == (("text", "label"), [["a b", "x"], ["c d", "y"]])
    found = read_rows(
        {"x_train": TEXTS, "y_train": range(12), "x_test": TEXTS[:2], "y_test": list("ab")}
    )
    assert [len(found[split]) for split in ("train", "test")] == [12, 2]
    for pair, says in (
        ((np.zeros((2, 3)), [1]), "2 samples, but the labels have the shape"),
        ((np.zeros((2, 3, 4)), [1, 2]), "expected"),
        (42, "cannot read rows from a int"),
    ):
        with pytest.raises(DataError, match=says):
            read_rows(pair)


def test_groups_are_an_array_beside_the_others(tmp_path):
    x, y = np.arange(6).reshape(3, 2), np.array(["a", "b", "a"])
    one = {"x": x, "y": y, "who": [1, 1, 2]}
    np.savez(tmp_path / "a.npz", **one)
    for source in (one, str(tmp_path / "a.npz")):
        sheet = read_sheet(source, group="who")
        assert (sheet.columns, sheet.label) == (("1", "2"), "label")
        assert sheet.groups["train"].tolist() == ["1", "1", "2"]
    splits = {"x_train": x, "y_train": y, "x_test": x, "y_test": y, "who_train": [1, 1, 2]}
    found = read_sheet({**splits, "who_test": ["c", "d", "e"]}, group="who")
    assert found.groups["test"].tolist() == ["c", "d", "e"]
    for source, says in (
        (splits, "nothing is called 'who_test', to group by"),
        ({**one, "who": [1, 2]}, "3 samples, but the groups have the shape"),
    ):
        with pytest.raises(DataError, match=says):
            read_sheet(source, group="who")


@pytest.mark.parametrize("values", [[[0.5, 1.5]] * 4, [{"a": 1}] * 4, [None, *[[0.5]] * 3]])
def test_columns_of_values_with_parts_are_refused(tmp_path, values):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"parts": values, "label": list("xyxy")})
    frame.write_parquet(tmp_path / "a.parquet")
    for source in (frame, tmp_path / "a.parquet"):
        with pytest.raises(DataError, match=r"column 'parts' holds [A-Za-z]+ values, not texts"):
            read_rows(source)


def test_a_frame_that_is_not_computed_yet():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"age": [39, 50], "job": ["clerk", "cook"]})
    assert cells(frame.lazy()) == cells(frame)
    assert cells((frame.lazy(), [0, 1])) == cells((frame, [0, 1]))
    assert recognised(frame.lazy()).task == recognised(frame).task


def test_texts_as_bytes():
    made = (np.array(["groß und alt".encode(), b"b c d"]), np.array([b"cat", "kühn".encode()]))
    assert cells(made)[1] == [["groß und alt", "cat"], ["b c d", "kühn"]]
    with pytest.raises(DataError, match="column 'label' holds bytes that are no text in UTF-8"):
        read_rows((np.zeros((2, 2)), ["kühn".encode("latin-1"), b"a"]))


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["a", "b", None], "1 label is missing, the first is that of sample 3"),
        (np.array([float("nan"), "b", None], object), "2 labels are missing, .* of sample 1"),
        (np.array(["a", 1, 2], object), r"labels are of several kinds \(int, str\)"),
    ],
)
def test_labels_that_lack_or_are_of_several_kinds(labels, says):
    given = (np.zeros((3, 4)), labels)
    assert recognised(given).task == "table-classification"
    with pytest.raises(DataError, match=says):
        read_rows(given)
    with pytest.raises(DataError, match=says):
        labels_of(labels, 3, "the given arrays")


def test_labels_as_bytes():
    for labels in (["kühn".encode(), b"a"], np.array(["kühn".encode(), b"a"], object)):
        assert labels_of(labels, 2, "here").tolist() == ["kühn", "a"]
    with pytest.raises(DataError, match="here: labels are bytes that are no text in UTF-8"):
        labels_of([b"\xfc", b"a"], 2, "here")


# --- roles ----------------------------------------------------------------------------------------

TABLE = "age,who,split,y\n1,a,train,no\n2,b,train,yes\n3,a,val,no\n4,c,test,yes\n"


def test_roles(tmp_path):
    path = write(tmp_path / "a.csv", TABLE)
    sheet = read_sheet(path, group="who")
    assert (sheet.label, sheet.columns) == ("y", ("age",))
    assert {split: x.tolist() for split, x in sheet.x.items()} == {
        "train": [["1"], ["2"]],
        "val": [["3"]],
        "test": [["4"]],
    }
    assert sheet.groups["val"].tolist() == ["a"]
    assert any("'y' is what is to be told" in note for note in sheet.notes)
    assert any("'split' says" in note for note in sheet.notes)


def test_a_column_of_splits_may_be_in_capitals(tmp_path):
    sheet = read_sheet(write(tmp_path / "a.csv", TABLE.replace("split", "Split")))
    assert (sheet.label, sheet.columns) == ("y", ("age", "who"))
    assert [len(sheet.x[split]) for split in ("train", "val", "test")] == [2, 1, 1]
    assert any("'Split' says" in note for note in sheet.notes)


def test_the_label_is_guessed(tmp_path):
    last = write(tmp_path / "a.csv", "1.5,2.5,a\n1.6,2.6,b\n")
    assert read_sheet(last).label == "3"
    assert read_sheet(last, "1").y["train"].tolist() == ["1.5", "1.6"]
    text = write(tmp_path / "b.tsv", "".join(f"{t}\t{i % 2}\n" for i, t in enumerate(TEXTS)))
    assert read_sheet(text, texts=True).label == "2"
    first = write(tmp_path / "c.tsv", "".join(f"{i % 2}\t{t}\n" for i, t in enumerate(TEXTS)))
    assert read_sheet(first, texts=True).label == "1"
    assert is_text(TEXTS)
    assert not is_text(["1 2 3", "", "a b"] * 9)


def test_a_second_file_is_the_test_split(tmp_path):
    train = write(tmp_path / "a.csv", "age,job,y\n1,a,no\n2,b,yes\n")
    other = write(tmp_path / "b.csv", "y,age,job\nno,7,c\n")
    sheet = read_sheet(train, test=str(other))
    assert sheet.x["test"].tolist() == [["7", "c"]]
    plain = write(tmp_path / "c.csv", "8,c,no\n9,c,no\n")
    assert read_sheet(train, test=str(plain)).x["test"].tolist() == [["8", "c"], ["9", "c"]]
    for text, says in (
        ("age,work,y\n7,c,no\n", "missing: 'job'; not known there: 'work'"),
        ("7,no\n8,no\n", "has 2 columns, .*a.csv has 3"),
    ):
        with pytest.raises(DataError, match=says):
            read_sheet(train, test=str(write(tmp_path / "d.csv", text)))
    with pytest.raises(DataError, match="has a test split already"):
        read_sheet({"x": [[1]], "y": [0]} | {"x_train": [[1]], "y_train": [0], "x_test": [[1]],
                   "y_test": [0]}, test=str(other))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "settings", "says"),
    [
        (TABLE, {"label": "income"}, "no column 'income'; there are 'age', 'who'"),
        (TABLE, {"group": "patient"}, "no column 'patient'"),
        (TABLE, {"label": "who", "group": "who"}, "both label and group"),
        ("1,2\n3,4\n", {"label": "y"}, "no column 'y'; there are '1', '2' .numbers, since"),
        ("a,y\n1,no\n2,\n3,nan\n", {}, "2 rows have no value in the label column 'y', .* row 2"),
        ("y\n1\n2\n", {}, "no column beside y"),
        ("a,a\n1,2\n3,4\n", {"label": "a"}, "2 columns are called 'a'"),
        ("a,split,y\n1,val,2\n", {}, "'split' has no row with 'train'"),
    ],
)
def test_roles_that_cannot_be(tmp_path, text, settings, says):
    with pytest.raises(DataError, match=says):
        read_sheet(write(tmp_path / "a.csv", text), **settings)
