"""Texts as a task, and the file that makes ids of them without Brickwork."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from brickwork.errors import DataError
from brickwork.names import make_space
from brickwork.nets.build import build
from brickwork.recognising import recognised
from brickwork.space import graph
from brickwork.tasks.changing import TextChanges, changes_of, described
from brickwork.tasks.rows import cells
from brickwork.tasks.samples import load_saved
from brickwork.tasks.text import load_texts
from brickwork.tasks.text import prepare as prepared
from brickwork.tasks.text.prepare import UNKNOWN, begins, prepare, words_in, writing
from brickwork.tasks.text.tokens import learned, unknowns
from brickwork.tasks.training import Recipe, evaluate, predict, train

WORDS = ("red", "green", "blue", "yellow", "black", "white", "orange", "purple", "silver", "golden")
THINGS = ("house", "river", "mountain", "window", "garden", "bottle", "letter", "market", "engine")


def texts(n: int = 120) -> tuple[list[str], list[str]]:
    """Questions of two kinds, told apart by one word."""
    rng = np.random.default_rng(0)
    out, labels = [], []
    for i in range(n):
        kind = i % 2
        asked = ("how many", "who is")[kind]
        word, thing = rng.choice(WORDS), rng.choice(THINGS)
        out.append(f"{asked} {word} {thing} number {rng.integers(10_000)} ?")
        labels.append(("amount", "person")[kind])
    return out, labels


@pytest.fixture(scope="module")
def task():
    return load_texts(texts())


def test_the_task(task):
    assert task.kind == "text-classification"
    assert task.classes == ("amount", "person")
    assert task.normalize is None
    x, _ = task.arrays("train")
    assert x.dtype == np.int32
    assert x.shape[1:] == task.input
    assert 0 < x.max() < task.facts["vocabulary"]
    assert len(make_space("textcnn", task.input, task.facts).decisions()) > 5


def test_what_goes_with_a_model_gives_the_same_ids(task, tmp_path):
    for name, text in task.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    some = [
        "How MANY red houses?",
        "who is Zanzibar 12345",
        "",
        "  \t",
        "naïve 北京",
        *texts()[0][:9],
    ]
    code = (
        "import json, sys, prepare\n"
        "out = prepare.prepare(json.loads(sys.argv[1]), prepare.settings())\n"
        "print(json.dumps(out.tolist()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}",
         json.dumps(some)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    about = json.loads(task.files["prepare.json"])
    found = np.array(json.loads(done.stdout))
    assert (found == prepare(some, about)).all()
    assert (found[2] == 0).all()
    assert "brickwork" not in task.files["prepare.py"]
    again = load_texts(texts())
    assert again.files == task.files
    seen = {
        tuple(row) for split in ("train", "val", "test") for row in task.data[split][0].tolist()
    }
    assert {tuple(row) for row in prepare(texts()[0], about).astype(int).tolist()} == seen


def test_words_and_how_they_are_written():
    assert words_in("Don't say 12 £!") == ["Don", "'", "t", "say", "12", "£", "!"]
    assert words_in("北京 is ÉÀ_") == ["北", "京", "is", "ÉÀ", "_"]
    said = words_in("Go. Hello USA, 1999 b 北 iPad McCoy I")
    ways = [writing(word, begins(said, place)) for place, word in enumerate(said)]
    assert ways == [
        "~First", "", "~First", "~WORD", "", "0000", "~word", "", "~word", "~Word", "~Word",
    ]  # fmt: skip


def test_what_becomes_of_words_that_are_rare():
    names = [f"we are here with {word.title()} and {word}ish {i}" for i, word in enumerate(WORDS)]
    about, notes = learned(names)
    assert {"we", "are", "~Word", "~word", "0"} <= set(about["tokens"])
    assert "~WORD" not in about["tokens"]  # it was not there
    text = "We ARE naming Zanzibar 77 % WHO"
    we, are, naming, name, number, sign, shout, wide = prepare([text], about | {"length": 8})[0]
    table = {token: place for place, token in enumerate(about["tokens"], start=2)}
    assert (we, are) == (table["we"], table["are"])
    assert (naming, name, number) == (table["~word"], table["~Word"], table["0"])
    assert sign == shout == UNKNOWN
    assert wide == 0
    assert "3 ways to write others have ids" in notes[0]
    cut = prepare(["who is"] * 2, {"tokens": ["who", "is"], "length": 1})
    assert cut.tolist() == [[2], [2]]


def test_what_a_known_word_becomes_when_it_is_lost():
    some = ["I saw Bob . Bob saw 12 USA ~"] * 2 + ["is bob a Lime", "is it B or a Kiwi"]
    about = {"tokens": ["bob", "saw", "12", "usa", ".", "~Word", "~word", "00"], "length": 9}
    lost = unknowns(some, about)
    assert len(lost) == 2 + len(about["tokens"])
    table = {token: place for place, token in enumerate(about["tokens"], start=2)}
    becomes = {token: lost[place] for token, place in table.items()}
    assert lost[:2] == (0, UNKNOWN)
    assert becomes["saw"] == table["~word"]
    assert becomes["12"] == table["00"]
    assert becomes["bob"] == table["~Word"]  # as often as at the beginning, which is not known
    assert becomes["usa"] == becomes["."] == UNKNOWN
    assert becomes["~Word"] == table["~Word"]
    assert unknowns(some, about) == unknowns(some[::-1], about)


def test_the_vocabulary_is_that_of_the_training_split(task):
    about = json.loads(task.files["prepare.json"])
    again, _ = learned([" ".join(["once", "twice", "twice"])] * 2)
    assert {"once", "twice"} <= set(again["tokens"])
    assert "person" not in about["tokens"]  # a label is no word


def test_the_same_text_stays_in_one_split():
    some = [f"is the {word} {thing} here" for word in WORDS for thing in THINGS]
    twice = [*some, *(text.upper() + "!" for text in some)]
    task = load_texts((twice, list("abab") * 45))
    assert any("90 of 180 texts are there before" in note for note in task.notes)
    assert not any("leak" in note for note in task.notes)
    rows = [{tuple(row[:5]) for row in task.data[s][0].tolist()} for s in task.data]
    assert [len(found) for found in rows] == [54, 18, 18]
    assert len(set.union(*rows)) == 90
    assert set(task.data["test"][1]) == {0, 1}


def test_dropping_tokens():
    changes = TextChanges((0, 1, 2, 1, 1, 2, 2, 2, 2), part=0.5)
    x = torch.tensor([[5.0, 6, 7, 8, 0, 0]] * 200)
    y = torch.zeros(200)
    found, labels = changes(x, y, 1.0, torch.Generator().manual_seed(0))
    lost = found == 2
    assert labels is y
    assert 0.4 < float(lost[:, :4].float().mean()) < 0.6
    assert (found[:, 4:] == 0).all()
    assert torch.equal(found[~lost], x[~lost])
    assert torch.equal(changes(x, y, 0.0, torch.Generator())[0], x)
    assert changes_of(json.loads(json.dumps(described(changes)))) == changes


def test_a_network_learns_them(task, tmp_path):
    task.save(tmp_path / "task")
    task = load_saved(tmp_path / "task")
    space = make_space("textcnn", task.input, task.facts)
    arch = space.extremes()[0]
    module = build(graph(space, arch, task.input, task.outputs), torch.Generator().manual_seed(0))
    recipe = Recipe.of({**space.recipe(arch), "lr": 0.02})
    train(module, task, recipe, epochs=15, seed=0)
    assert evaluate(module, task, "val")["accuracy"].value > 0.9
    empty = predict(module, np.zeros((1, *task.input), np.int32))
    assert np.isfinite(empty).all()


def test_real_texts(shared_data):
    task = load_texts(
        shared_data / "text/trec_train_5500.label", test=shared_data / "text/trec_TREC_10.label"
    )
    assert task.splits["test"].size == 500
    assert task.outputs == 6
    assert any("texts are there before" in note for note in task.notes)
    sms = load_texts(shared_data / "text/SMSSpamCollection.tsv")
    assert sms.classes == ("ham", "spam")
    assert sum(split.size for split in sms.splits.values()) == 5574
    shares = [(sms.data[s][1] == 1).mean() for s in ("train", "val", "test")]
    assert max(shares) - min(shares) < 0.03


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ((["", " "] * 6, list("abba") * 3), "all texts of the train split are empty"),
        ((texts()[0], ["same"] * 120), "all training labels are 'same'"),
        ((["a", "b"], [1]), "2 samples, but the labels"),
        ((np.eye(9), np.arange(9) % 2), "none of the columns '1', '2'"),
    ],
)
def test_what_is_no_text(source, says):
    with pytest.raises(DataError, match=says):
        load_texts(source)


def test_empty_texts_are_said():
    some, labels = texts(60)
    task = load_texts((["", " - ", *some[2:]], labels))
    assert any("empty" in note for note in task.notes)


# --- texts without spaces -------------------------------------------------------------------------

CHINESE = ("这家餐厅的菜非常好吃我很喜欢", "服务态度太差了再也不会来")
JAPANESE = ("この映画はとても面白かった", "二度と見たくない作品でした")


@pytest.mark.parametrize("sentences", [CHINESE, JAPANESE])
@pytest.mark.parametrize("count", [80, 200])
def test_texts_without_spaces_are_recognised(tmp_path, sentences, count):
    lines = [f"{sentences[i % 2]}{i}," + "好差"[i % 2] for i in range(count)]
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    assert recognised(path).task == "text-classification"
    numbered = [f"{7 * i % 211},{line}" for i, line in enumerate(lines)]
    path.write_text("\n".join(["id,review,label", *numbered]) + "\n", encoding="utf-8")
    assert load_texts(path).classes == ("好", "差")


def test_a_character_that_is_a_word_is_one_to_both():
    assert prepared._ALONE == cells.ALONE  # twice, since prepare.py stands alone
    assert cells.is_text(["很好吃", "很难吃", "不好吃"])
    assert not cells.is_text(["北京", "上海", "广州"])
