"""Ecod and Isolation compared with the published formula, and with PyOD's ROC areas on ADBench."""

import math

import numpy as np
import polars as pl
import pytest
import redlane as rl
from scipy import stats
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

# PyOD 3.6.7: ROC and average precision of ECOD and IForest(random_state=0).
ADBENCH = {
    "6_cardio": (0.9350, 0.5674, 0.9329, 0.5533),
    "23_mammography": (0.9062, 0.4360, 0.8644, 0.2207),
    "32_shuttle": (0.9929, 0.9043, 0.9975, 0.9818),
    "38_thyroid": (0.9771, 0.4678, 0.9749, 0.4678),
    "31_satimage-2": (0.9649, 0.6597, 0.9916, 0.9129),
    "28_pendigits": (0.9274, 0.2656, 0.9556, 0.2671),
    "2_annthyroid": (0.7887, 0.2697, 0.8116, 0.3092),
}


def ships_of(x):
    names = [f"f{i}" for i in range(x.shape[1])]
    return names, rl.read(pl.DataFrame(np.asarray(x, float), schema=names))


def scores_of(detector, ships):
    return np.array(detector.fit_score(ships)["score"].to_pylist())


def ecod(x):
    """Li et al. (2022) by numpy and scipy, as PyOD computes it."""
    n = len(x)
    left = -np.log(stats.rankdata(x, "max", axis=0) / n)
    right = -np.log(stats.rankdata(-x, "max", axis=0) / n)
    skew = np.sign(stats.skew(x, axis=0))
    skewed = left * -np.sign(skew - 1) + right * np.sign(skew + 1)
    return np.maximum(np.maximum(left, right), skewed).sum(axis=1)


@pytest.mark.parametrize("columns", [1, 5])
def test_ecod_equals_its_formula(columns):
    rng = np.random.default_rng(columns)
    x = np.exp(rng.normal(0, 1, (3_000, columns))) * rng.choice([-1, 1], columns)
    names, ships = ships_of(x)
    np.testing.assert_allclose(scores_of(rl.Ecod(columns=names), ships), ecod(x), rtol=0, atol=1e-10)


def test_ecod_equals_pyod():
    models = pytest.importorskip("pyod.models.ecod", reason="PyOD is not installed")
    x = np.random.default_rng(0).normal(size=(2_000, 4)) ** 3
    names, ships = ships_of(x)
    np.testing.assert_allclose(
        scores_of(rl.Ecod(columns=names), ships), models.ECOD().fit(x).decision_scores_, rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("name", sorted(ADBENCH))
def test_areas_on_adbench(name, data):
    with np.load(data / "adbench" / f"{name}.npz") as file:
        x, y = file["X"], file["y"].ravel()
    roc, precision, forest_roc, forest_precision = ADBENCH[name]
    names, ships = ships_of(x)
    scores = scores_of(rl.Ecod(columns=names), ships)
    assert roc_auc_score(y, scores) == pytest.approx(roc, abs=0.005)
    assert average_precision_score(y, scores) == pytest.approx(precision, abs=0.005)
    made = [scores_of(rl.Isolation(columns=names, seed=seed), ships) for seed in range(10)]
    for measure, published in [(roc_auc_score, forest_roc), (average_precision_score, forest_precision)]:
        areas = np.array([measure(y, m) for m in made])
        # At most two standard errors (of the ten forests and of PyOD's one) worse than PyOD.
        error = areas.std(ddof=1) * math.sqrt(1 / 10 + 1)
        assert areas.mean() >= published - 2 * error


def test_the_forest_is_the_published_one(data):
    with np.load(data / "adbench" / "23_mammography.npz") as file:
        x, y = file["X"], file["y"].ravel()
    names, ships = ships_of(x)
    ours = [roc_auc_score(y, scores_of(rl.Isolation(columns=names, seed=s), ships)) for s in range(12)]
    theirs = [roc_auc_score(y, -IsolationForest(random_state=s).fit(x).score_samples(x)) for s in range(12)]
    error = math.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / 12)
    assert abs(np.mean(ours) - np.mean(theirs)) < 3.5 * error


def test_categories_and_nulls_are_told_apart():
    rng = np.random.default_rng(0)
    n = 2_000
    frame = pl.DataFrame(
        {
            "kind": [*rng.choice(["a", "b", "c"], n - 3), "never", "a", "a"],
            "size": [*rng.normal(0, 1, n - 3), 0.0, None, 25.0],
        }
    )
    scores = scores_of(rl.Isolation(columns=("kind", "size")), rl.read(frame))
    below = [(scores < scores[n - k]).mean() for k in (3, 2, 1)]
    # Most trees of 256 have not met a category that occurs once, so it goes with the smaller half.
    assert below[0] > 0.7
    assert below[1] > 0.9
    assert below[2] > 0.99
    assert "kind never" in rl.Isolation(columns=("kind", "size")).fit_score(rl.read(frame))["reason"].to_pylist()[n - 3]
    detector = rl.Isolation(columns=("kind", "size")).fit(rl.read(frame))
    new = rl.read(pl.DataFrame({"kind": ["unheard of", "a"], "size": [0.0, 0.0]}))
    first, second = detector.score(new)["score"].to_pylist()
    assert first > second


def test_a_score_never_depends_on_its_neighbours():
    rng = np.random.default_rng(3)
    names, ships = ships_of(rng.normal(size=(500, 3)))
    detector = rl.Ecod(columns=names).fit(ships)
    _, far = ships_of(np.vstack([rng.normal(size=(50, 3)), [[1e9, 0, 0]]]))
    _, alone = ships_of(np.array([[1e9, 0, 0]]))
    assert detector.score(far)["score"].to_pylist()[-1] == detector.score(alone)["score"].to_pylist()[0]


def test_what_cannot_be_taken():
    names, ships = ships_of(np.zeros((3, 2)))
    with pytest.raises(rl.errors.ArgumentError, match="twice"):
        rl.Ecod(columns=("f0", "f0")).fit(ships)
    with pytest.raises(rl.errors.ArgumentError, match="empty"):
        rl.Isolation(columns=()).fit(ships)
    with pytest.raises(rl.errors.ArgumentError, match="trees"):
        rl.Isolation(columns=names, trees=0).fit(ships)
    with pytest.raises(rl.errors.ArgumentError, match="does not hold numbers"):
        rl.Ecod(columns=("t",)).fit(rl.read(pl.DataFrame({"t": ["a", "b"]})))
    with pytest.raises(rl.SchemaError, match="nothing"):
        rl.Ecod(columns=("nothing",)).fit(ships)
