"""What cross-fitted features are worth: a model trained on planted anomalies, and tested on later records.

Run: python benches/features.py. It needs scikit-learn. `folds=1` describes training records among their own peers.
"""

from __future__ import annotations

import time

import numpy as np
import redlane as rl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

ROWS, SEEDS = 30_000, 6
PLANTED = [("overvalued", 2.0), ("overvalued", 4.0), ("undervalued", 2.0), ("undervalued", 4.0), ("mislabelled", 2.0)]
FOLDS = (1, 5, 10)


def parts(pattern: str, strength: float, seed: int) -> list[tuple[rl.Shipments, np.ndarray]]:
    """The earlier two thirds of the records and the later third, each with the truth."""
    plain = rl.samples.shipments(ROWS, seed=seed, plant=False).ships
    planted = rl.inject(plain, pattern, n=ROWS // 100, strength=strength, seed=seed)
    frame = planted.ships.to_polars()
    wrong = np.zeros(len(frame), bool)
    wrong[planted.truth["row"].to_pylist()] = True
    day = frame["date"].to_physical().to_numpy()
    late = day >= np.quantile(day, 2 / 3)
    return [(rl.read(frame.filter(chosen), progress=False), wrong[chosen]) for chosen in (~late, late)]


def matrix(ships: rl.Shipments, history: rl.Shipments | None, folds: int) -> np.ndarray:
    return rl.features(ships, history=history, folds=folds, progress=False).to_polars().to_numpy()


def main() -> None:
    print("| planted | strength | folds | average precision | tells training from later records (AUC) | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for pattern, strength in PLANTED:
        made = [parts(pattern, strength, seed) for seed in range(SEEDS)]
        for folds in FOLDS:
            found, told, taken = [], [], []
            for seed, ((train, wrong), (test, truth)) in enumerate(made):
                start = time.perf_counter()
                x, later = matrix(train, None, folds), matrix(test, train, folds)
                taken.append(time.perf_counter() - start)
                model = HistGradientBoostingClassifier(max_iter=100, random_state=seed).fit(x, wrong)
                found.append(average_precision_score(truth, model.predict_proba(later)[:, 1]))
                told.append(told_apart(x[~wrong], later[~truth], seed))
            print(
                f"| {pattern} | {strength:.0f} | {folds} | {np.mean(found):.3f} | {np.mean(told):.3f} "
                f"| {np.median(taken):.2f} |"
            )


def told_apart(first: np.ndarray, second: np.ndarray, seed: int) -> float:
    """The area under the ROC of a model that tells training records from later ones, on records it has not seen."""
    rng = np.random.default_rng(seed)
    x, y = np.concatenate([first, second]), np.repeat([0, 1], [len(first), len(second)])
    order = rng.permutation(len(y))
    seen, rest = np.split(order, [len(y) * 2 // 3])
    model = HistGradientBoostingClassifier(max_iter=100, random_state=seed).fit(x[seen], y[seen])
    return roc_auc_score(y[rest], model.predict_proba(x[rest])[:, 1])


if __name__ == "__main__":
    main()
