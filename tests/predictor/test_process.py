"""Gaussian processes between architectures."""

from __future__ import annotations

import numpy as np
import pytest
from strategy_toys import TABLE, accuracy

from brickwork.predictor import Encoder, Predictor
from brickwork.space import Choice, Conv, Identity, OneOf, Seq, Space, graph
from brickwork.strategies.base import every
from brickwork.trial import rng_for

LAYERS = Space(
    "layers",
    Seq(
        Conv(4, 1),
        *(
            OneOf(f"op{i}", {"none": Identity(), "one": Conv(4, 1), "three": Conv(4, 3)})
            for i in range(6)
        ),
    ),
)
"""Layers that are there or not: members are alike by what they are made of, not where."""


def scored(score: dict[str, float]) -> Encoder:
    return Encoder(TABLE, scores=[lambda arch: score.get(arch.id, np.nan)])


def rows(encoder: Encoder, archs) -> np.ndarray:
    return np.array([encoder.encode(arch, {}) for arch in archs])


@pytest.fixture(scope="module")
def table():
    encoder = Encoder(TABLE)
    archs = list(every(TABLE, rng_for(0)))
    order = rng_for(0, "order").permutation(len(archs))
    y = np.array([np.log(1 - accuracy(archs[i])) for i in order])
    return encoder, rows(encoder, [archs[i] for i in order]), y


def test_left_out_trials_are_predicted_as_by_a_fit_without_them(table) -> None:
    """The closed form against the definition, kernel, noise and scales held."""
    encoder, x, y = table
    x, y = x[:25], y[:25]
    whole = Predictor(encoder)
    whole.fit(x, y)
    one = whole._fitted[0]
    prepared = whole._kernels(whole._x)
    kernel = sum(
        w * part
        for w, part in zip(
            (one.mix.numbers, one.mix.single, one.mix.pairs, one.mix.decay), prepared, strict=False
        )
    )
    target = (y - y.mean()) / y.std()
    for i in (0, 7, 24):
        rest = np.delete(np.arange(25), i)
        inside = kernel[np.ix_(rest, rest)] + one.noise * np.eye(24)
        assert np.isclose(kernel[i, rest] @ np.linalg.solve(inside, target[rest]), one.left_out[i])


def test_trials_are_remembered_and_others_ranked(table) -> None:
    encoder, x, y = table
    predictor = Predictor(encoder)
    predictor.fit(x[:120], y[:120], among=x[:500])
    mean, spread = predictor.predict(x)
    inside = np.corrcoef(mean[:120], y[:120])[0, 1]
    outside = np.corrcoef(mean[120:], y[120:])[0, 1]
    assert inside > 0.95
    assert outside > 0.7
    assert spread[:120].mean() < 0.7 * spread[120:].mean()


def test_the_spread_is_about_as_large_as_the_errors(table) -> None:
    encoder, x, y = table
    for n in (30, 120):
        predictor = Predictor(encoder)
        predictor.fit(x[:n], y[:n], among=x[:500])
        mean, spread = predictor.predict(x[n:])
        off = (mean - y[n:]) / spread
        assert 0.5 < np.sqrt(np.mean(off**2)) < 2.0


def wide(arch) -> int:
    """How many layers look around, but no more than two count."""
    return min(2, sum(option == "three" for _, option in arch.choices))


def test_graphs_tell_more_than_decisions_where_place_does_not_matter() -> None:
    archs = list(every(LAYERS, rng_for(1)))
    order = rng_for(1, "order").permutation(len(archs))
    archs = [archs[i] for i in order]
    y = np.array([float(wide(arch)) for arch in archs])
    found = {}
    for name, of in (("graph", lambda arch: graph(LAYERS, arch, (1, 8, 8), 2)), ("none", None)):
        encoder = Encoder(LAYERS, (), of)
        x = rows(encoder, archs)
        predictor = Predictor(encoder)
        predictor.fit(x[:15], y[:15], among=x)
        found[name] = np.corrcoef(predictor.predict(x[15:])[0], y[15:])[0, 1]
    assert found["graph"] > 0.9, found
    assert found["graph"] > found["none"] + 0.1, found


def test_only_kernels_that_rank_as_well_as_the_best_predict(table) -> None:
    """With many trials the kernel that the scores were made by is told from the others."""
    encoder, x, _ = table
    worth = rng_for(2).standard_normal(x.shape[1])
    y = x @ worth
    few, many = Predictor(encoder), Predictor(encoder)
    few.fit(x[:6], y[:6], among=x[:500])
    many.fit(x[:150], y[:150], among=x[:500])
    assert len(many.kernels) <= len(few.kernels)
    assert all(mix.single or mix.pairs for mix in many.kernels)


def test_a_choice_is_kept_until_it_is_made_anew(table) -> None:
    encoder, x, y = table
    predictor = Predictor(encoder)
    predictor.fit(x[:20], y[:20])
    before = predictor.kernels
    predictor.fit(x[:60], y[:60], choose=False)
    assert predictor.kernels == before


def test_equal_scores_and_a_single_trial_are_survived(table) -> None:
    encoder, x, _ = table
    for n in (1, 2, 8):
        predictor = Predictor(encoder)
        predictor.fit(x[:n], np.ones(n), among=x[:50])
        mean, spread = predictor.predict(x[:9])
        assert np.allclose(mean, 1.0)
        assert np.isfinite(spread).all()


def test_nothing_is_predicted_from_nothing(table) -> None:
    encoder, x, _ = table
    with pytest.raises(ValueError, match="fit the predictor"):
        Predictor(encoder).predict(x)


def test_numbers_that_the_trials_share_say_nothing() -> None:
    space = Space("two", Seq(Conv(Choice("width", (4, 8)), 3)))
    encoder = Encoder(space, ("parameters",))
    x = rows(encoder, [space.arch({"width": w}) for w in (4, 8)])
    x[:, -1] = 5.0
    predictor = Predictor(encoder)
    among = np.repeat(x, 2, axis=0)
    among[:, -1] = [1, 2, 3, 9]
    predictor.fit(x, np.array([1.0, 2.0]), among=among)
    assert np.allclose(predictor.predict(x)[0], predictor.predict(among[::2] * [1, 1, 1, 0])[0])


@pytest.fixture(scope="module")
def ranked(table):
    """Members of a space, what is learned of each, and the part of all that are worse."""
    archs = list(every(TABLE, rng_for(0)))
    order = rng_for(0, "order").permutation(len(archs))
    archs = [archs[i] for i in order]
    _, _, y = table
    return archs, y, 1.0 - (np.argsort(np.argsort(y)) + 0.5) / len(y)


def agreement(encoder: Encoder, archs, y, n: int) -> float:
    """Correlation of what is expected after n trials with what came, mean over draws of them."""
    x, found = rows(encoder, archs), []
    for draw in range(8):
        order = rng_for(draw, "shown").permutation(len(y))
        shown, others = order[:n], order[n:]
        predictor = Predictor(encoder)
        predictor.fit(x[shown], y[shown], among=x[:500])
        found.append(np.corrcoef(predictor.predict(x[others])[0], y[others])[0, 1])
    return float(np.mean(found))


def test_scores_help_as_far_as_they_rank(ranked) -> None:
    """Blurred ones make better predictions, and such as are drawn at random hardly worse ones."""
    archs, y, part = ranked
    noise = rng_for(3, "scores").random(len(y))
    blurred = np.argsort(np.argsort(part + noise)) / len(y)
    without = agreement(Encoder(TABLE), archs, y, 10)
    good, useless = (
        agreement(scored({a.id: v for a, v in zip(archs, values, strict=True)}), archs, y, 10)
        for values in (blurred, noise)
    )
    assert good > without + 0.05, (good, without)
    assert useless > without - 0.05, (useless, without)


def test_an_unknown_score_says_nothing_and_makes_the_spread_larger(ranked) -> None:
    archs, y, part = ranked
    parts = {arch.id: float(p) for arch, p in zip(archs, part, strict=True)}
    encoder = scored(parts)
    x = rows(encoder, archs)
    hidden = x.copy()
    hidden[:, encoder.scored : encoder.beside] = 0.0
    predictor = Predictor(encoder)
    for shown in (x, hidden):  # one that is known of candidates only is as good as unknown
        predictor.fit(shown[:60], y[:60], among=x)
        assert any(mix.scores for mix in predictor.kernels) == (shown is x)
        known, unknown = (predictor.predict(some[60:]) for some in (x, hidden))
        if shown is hidden:
            assert np.allclose(known, unknown)
        else:
            assert (known[1] < unknown[1]).mean() > 0.95
            errors = [np.abs(mean - y[60:]).mean() for mean, _ in (known, unknown)]
            assert errors[0] < errors[1]


def test_without_scores_no_kernel_looks_at_them(table) -> None:
    _, x, y = table
    encoder = scored({})
    wide = np.insert(x, [encoder.scored] * 2, 0.0, axis=1)
    plain, blind = Predictor(Encoder(TABLE)), Predictor(encoder)
    for predictor, seen in ((plain, x), (blind, wide)):
        predictor.fit(seen[:40], y[:40], among=seen[:500])
    assert blind.kernels == plain.kernels
    assert np.allclose(blind.predict(wide[:50]), plain.predict(x[:50]))
