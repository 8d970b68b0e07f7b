"""What came of a study, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from brickwork.final import table
from brickwork.kendall import interval
from brickwork.names import STRATEGIES, SUGGESTERS, SUPERNETS, load
from brickwork.oneshot.gated import ENOUGH, PAIRS, agreement, compared
from brickwork.oneshot.zero_cost import ZeroCost
from brickwork.preparation import suggestions
from brickwork.quantity import METRICS, How, Quantity
from brickwork.study import Model, Study
from brickwork.summary import controls, points
from brickwork.tasks.task import LEAK
from brickwork.trial import rng_for

__all__ = ["best_compromise", "verdict"]

_TOLD = 0.0005  # of a quality: a correction that is smaller is not mentioned


def verdict(study: Study) -> list[str]:
    """What came of it, in plain sentences; the key number stands between two asterisks."""
    if not study.finished:
        count = len(study.front)
        if not count:
            return [
                "**No model** has a score yet: the search was stopped before its first trial ended."
            ]
        return [
            f"The search was stopped before its end: **{count} candidates** so far, with scores "
            "of the search only; nothing was retrained, exported or tested. Run the same command "
            "to go on."
        ]
    if not len(study.front):
        reasons = "; ".join(sorted({model.dropped for model in study.models}))
        return [f"**No model** stood up to retraining and verification: {reasons}."]
    sentences = [_front_sentence(study), *_point_sentence(study), *_luck_sentence(study)]
    sentences += _control_sentences(study)
    sentences += _gap_sentence(study) + _length_sentence(study)
    sentences += _preparation_sentences(study)
    doubts = [note for note in study.task.get("notes", ()) if note.startswith(LEAK)]
    return sentences + [f"Mind the data: {note}." for note in doubts]


def best_compromise(study: Study) -> Model:
    """The knee of the front: the least sum of losses, each scaled to the range of the front."""
    losses = table(study.objectives, [model.metrics for model in study.front])
    span = np.maximum(losses.max(axis=0) - losses.min(axis=0), 1e-12)
    sums = ((losses - losses.min(axis=0)) / span).sum(axis=1)
    chosen: Model = study.front[int(np.argmin(sums))]
    return chosen


def _front_sentence(study: Study) -> str:
    model = best_compromise(study)
    quality = study.quality
    costs = [
        f"{model.metrics[name].text()}{word}{_label(model.metrics[name])}"
        for name, word in (
            ("parameters", " parameters"),
            ("peak_sram_bytes", " of SRAM"),
            ("latency_ms", ""),
        )
        if name in model.metrics and model.metrics[name].value == model.metrics[name].value
    ]
    count = len(study.front)
    models = "One model forms" if count == 1 else f"{count} models form"
    label = METRICS[quality].label
    return (
        f"{models} the front. The best compromise has **{model.metrics[quality].interval()}** test "
        f"{label} with {_listed(costs)}."
    )


def _point_sentence(study: Study) -> list[str]:
    """What the best compromise finds at the threshold that was chosen for a sensitivity."""
    row = points(study).get(best_compromise(study).id)
    if row is None:
        return []
    found, passed = (
        Quantity(row[name], "fraction", How.MEASURED, row[f"± {name}"]).interval()
        for name in ("sensitivity", "specificity")
    )
    return [
        f"From a probability of {row['threshold']:.10g} for {study.task['classes'][1]!r} on, which "
        f"was chosen on the validation split to find {100 * row['wanted']:g} %, it has a test "
        f"sensitivity of **{found}** and a specificity of {passed}."
    ]


def _luck_sentence(study: Study) -> list[str]:
    """What the most accurate model owes to being chosen by the score that is reported."""
    if not study.expected:
        return []
    name, models = study.quality, [m for m in study.front if m.id in study.expected]
    sign = 1.0 if METRICS[name].maximize else -1.0
    best = max(models, key=lambda model: sign * model.metrics[name].value)
    seen, expected = best.metrics[name], study.expected[best.id]
    if abs(seen.value - expected.value) < _TOLD:
        return []
    tested = sum(bool(model.final) for model in study.models)
    return [
        f"The front was read off the test scores of {tested} models, which flatters it: of the "
        f"most accurate, at {seen.text()}, expect **{expected.text()}** on new data (estimated)."
    ]


def _label(quantity: Quantity) -> str:
    """How a number is known, where a reader might take it for more than it is."""
    return "" if quantity.how in (How.COUNTED, How.MEASURED) else f" ({quantity.how})"


def _control_sentences(study: Study) -> list[str]:
    found = controls(study)
    if not found or "hypervolume" not in found["front"]:
        return []
    ours, random, size = (found[name] for name in ("front", "random", "size"))
    sentences = []
    if random["models"] and "hypervolume" in random:
        better = ours["hypervolume"] > random["hypervolume"]
        sentences.append(
            f"At equal budget random search covers {100 * random['hypervolume']:.1f} % of the "
            f"range where this front covers {100 * ours['hypervolume']:.1f} %: "
            + (
                "the search was worth it."
                if better
                else "the search was **not** better than chance."
            )
        )
    if size["models"] and "hypervolume" in size:
        better = ours["hypervolume"] > size["hypervolume"]
        word = "less" if better else "as much or more"
        sentences.append(
            f"Networks of the same sizes drawn at random cover {word} "
            f"({100 * size['hypervolume']:.1f} %)."
        )
    return sentences


def _preparation_sentences(study: Study) -> list[str]:
    """What was prepared before the search, and whether its scores could be trusted."""
    name = study.run.strategy
    if name not in {*SUPERNETS, *SUGGESTERS}:
        return []
    ended = study.events("prepared")
    if not ended:
        return [
            "The space has too few networks to compare: the search did without its preparation."
        ]
    causes = dict.fromkeys(event["cause"] for event in ended if event["cause"])
    sentences = [f"A worker's preparation failed: {cause}." for cause in causes]
    suggested = suggestions(study.folder)
    sentences += [suggested.said] if suggested.said else []
    scores = {s.arch.id: s.score for s in suggested.found if s.score is not None}
    if name in SUPERNETS:
        sentences.append(_gate_sentence(study, None))
        warm = [event.get("warm") for event in study.events("retrained")]
        if any(warm):
            sentences.append("Final trainings began with the weights of the supernets.")
    elif load(STRATEGIES, "strategy", name) is ZeroCost:
        sentences.append(_gate_sentence(study, scores))
    elif suggested.found:
        whole = {t.proposal.arch.id for t in study.trials() if t.proposal.fidelity >= 1}
        tried = sum(one.arch.id in whole for one in suggested.found)
        sentences.append(
            f"Of {len(suggested.found)} suggested architectures {tried} were trained on their own."
        )
    return sentences


def _gate_sentence(study: Study, scores: Mapping[str, float] | None) -> str:
    """How far cheap scores and trainings agree, and what was done.

    Args:
        study: The study.
        scores: Of untrained networks, by architecture; None for scores with shared weights.
    """
    trials, quality = study.trials(), study.quality
    values = compared(trials, quality, scores)
    if scores is None:
        cheap, used = "Shared weights", "shared weights were the first looks of the search"
        instead = "short trainings were used instead of shared weights"
    else:
        cheap = f"The ranks of {len(scores)} untrained networks"
        used = "those of the best ranks were trained first"
        instead = "they were not used, and the search went on as the default one"
    if len(values) < PAIRS:
        return (
            f"{cheap} could be compared with the trainings of {len(values)} networks, too few to "
            f"be trusted ({PAIRS} are needed): {instead}."
        )
    found = agreement(trials, quality, scores)
    low, high = interval(values, rng_for(study.run.seed, "gate"))
    spread = "" if low != low else f" (80 % interval {low:.2f} to {high:.2f})"
    said = f"{cheap} and whole trainings of {PAIRS} agree with tau {found:.2f}{spread}"
    return f"{said}: {used}." if found >= ENOUGH else f"{said}, below {ENOUGH}: {instead}."


def _gap_sentence(study: Study) -> list[str]:
    found = study.gap
    if not found.pairs:
        return []
    points = 100 * found.mean
    side = "too low" if points > 0 else "too high"
    text = f"Scores in the search were {abs(points):.1f} points {side} on average"
    if found.tau == found.tau:
        word = "well" if found.low > 0.5 else "poorly" if found.high < 0.3 else "roughly"
        text += (
            f" and ranked the models {word} (tau {found.tau:.2f}, 80 % interval "
            f"{found.low:.2f} to {found.high:.2f}, {len(found.pairs)} models)"
        )
    return [text + "."]


def _length_sentence(study: Study) -> list[str]:
    longer = [event["length"] for event in study.events("plan") if event.get("length", 1.0) > 1]
    return [
        "Networks were still learning at the end of their trainings in the search, so final ones "
        f"were up to {length:g} times as long as usual."
        for length in longer
    ]


def _listed(items: Sequence[str]) -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
