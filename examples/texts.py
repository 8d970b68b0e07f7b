"""Search a network for short texts that this script makes up, and ask it about a new one.

python examples/texts.py STUDY [BUDGET]
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch

import brickwork as bw
from brickwork.tasks.text import load_texts
from brickwork.tasks.text.prepare import prepare

ASKED = {
    "place": ("where is", "in which town is", "how do i get to"),
    "time": ("when does", "at what hour does", "until when is"),
    "price": ("how much is", "what do you ask for", "is there a discount on"),
}
THINGS = ("the market", "the old bridge", "a ticket", "the museum", "the night train", "the fair")
ENDS = ("", " please", " , thank you", " on sundays", " for two people", " this year")


def questions(count: int) -> tuple[list[str], list[str]]:
    """Questions that a town is asked, and what they are about."""
    rng = np.random.default_rng(0)
    kinds = rng.choice(list(ASKED), count)
    texts = [f"{rng.choice(ASKED[k])} {rng.choice(THINGS)}{rng.choice(ENDS)} ?" for k in kinds]
    return texts, kinds.tolist()


def main(folder: str, budget: str = "1m") -> None:
    data = questions(900)
    study = bw.search(data, budget=budget, study=folder)
    print(study.front)

    model = study.front[0]
    task = load_texts(data)
    text = "When does the museum open, please?"
    # prepare.py is one of task.files, which need no Brickwork.
    ids = prepare([text], json.loads(task.files["prepare.json"]))
    with torch.inference_mode():
        answer = task.classes[int(model.module()(torch.from_numpy(ids)).argmax())]
    print(f"{model.id}: {text} -> {answer}")


if __name__ == "__main__":
    main(*sys.argv[1:])
