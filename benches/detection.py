"""Finding planted prices: redlane, PyOD's detectors and oracles on the same records.

`python benches/detection.py` prints a table; it needs pyod, and the USAID shipments in REDLANE_DATA or
../shared/data. One oracle knows every group's centre and scale from the records before anything was planted, and
orders by robust z; the other knows each group's every price, and orders by how many of them lie as far out. Beside it
is the same order by one who does not know which were planted.
"""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import redlane as rl
from sklearn.metrics import average_precision_score

warnings.filterwarnings("ignore")
DATA = Path(os.environ.get("REDLANE_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


def frame_of(ships, unit):
    """Log value, log weight (or quantity), log unit value, and that less its group's mean."""
    names = ships.roles
    table = ships.to_polars()
    value = table[names["value"]].cast(pl.Float64, strict=False).to_numpy()
    under = table[names[unit]].cast(pl.Float64, strict=False).to_numpy()
    with np.errstate(all="ignore"):
        x = np.log(value / under)
        columns = np.stack([np.log(value), np.log(under), x], axis=1)
    return columns, x


def group_numbers(ships, keys):
    names = [ships.roles.get(key, key) for key in keys]
    table = ships.to_polars().select(pl.col(n).cast(pl.String).fill_null("") for n in names)
    return table.select(pl.struct(pl.all()).rank("dense").alias("g"))["g"].to_numpy()


def peers(x, groups, clean):
    """Centre, scale and size of each row's group, from the clean records."""
    centre, scale, size = (np.full(len(x), np.nan) for _ in range(3))
    for g in np.unique(groups):
        rows = np.nonzero(groups == g)[0]
        known = clean[rows][np.isfinite(clean[rows])]
        size[rows] = len(known)
        if len(known) >= 3:
            centre[rows] = np.median(known)
            scale[rows] = 1.4826 * np.median(np.abs(known - centre[rows][0]))
    return centre, scale, size


def rarities(x, groups, clean, centre):
    """-ln of the share of a group's clean prices as far from the centre; of equal ones the farther first."""
    rarity = np.full(len(x), np.nan)
    for g in np.unique(groups):
        rows = np.nonzero(groups == g)[0]
        far = np.sort(np.abs(clean[rows] - centre[rows]))
        far = far[np.isfinite(far)]
        own = np.abs(x[rows] - centre[rows])
        beyond = len(far) - np.searchsorted(far, own - 1e-12)
        rarity[rows] = -np.log((beyond + 1) / (len(far) + 1)) + 1e-3 * own
    return rarity


def pyod_scores(columns, x, groups):
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.hbos import HBOS
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN

    demeaned = x.copy()
    for g in np.unique(groups):
        rows = groups == g
        demeaned[rows] -= np.nanmean(x[rows]) if np.isfinite(x[rows]).any() else 0
    features = np.column_stack([columns, demeaned])
    known = np.isfinite(features).all(axis=1)
    for make in (ECOD, COPOD, HBOS, lambda: IForest(random_state=0), KNN):
        model = make()
        scores = np.full(len(x), -np.inf)
        scores[known] = model.fit(features[known]).decision_scores_
        yield type(model).__name__, scores


def plant(ships, pattern, strength, share):
    """The shipments with a share of them turned into anomalies, and which those are."""
    planted = rl.inject(ships, pattern, n=int(share * len(ships)), strength=strength, seed=1)
    wrong = np.zeros(len(planted.ships), bool)
    wrong[planted.truth["row"].to_pylist()] = True
    return planted.ships, wrong


def study(name, ships, keys, unit, strengths, share=0.01):
    print(f"\n{name}: {len(ships):,} shipments, prices within {' x '.join(keys)}, {share:.0%} planted\n")
    print("| pattern | strength | oracle z | oracle tail | blind tail | by score | by p-value | best of PyOD | times |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    measure = f"value/{unit}"
    _, clean = frame_of(ships, unit)
    groups = group_numbers(ships, keys)
    centre, scale, size = peers(clean, groups, clean)
    eligible = size >= 30
    for pattern in ("overvalued", "undervalued"):
        for strength in strengths:
            planted, wrong = plant(ships, pattern, strength, share)
            columns, x = frame_of(planted, unit)
            known = eligible & np.isfinite(x) & (scale > 1e-9)
            with np.errstate(all="ignore"):
                oracle = np.abs(x - centre) / scale

            def precision(scores, known=known, wrong=wrong):
                return average_precision_score(wrong[known], np.nan_to_num(scores[known], nan=-1, neginf=-1))

            detector = rl.UnitValue(measure=measure, by=keys, backoff=(keys[:1],) if len(keys) > 1 else ())
            found = detector.fit_score(planted).to_polars()
            by_score = precision(found["score"].fill_null(np.nan).to_numpy())
            by_p = precision(-found["p_value"].fill_null(np.nan).log().to_numpy())
            best, rival = max((precision(s), n) for n, s in pyod_scores(columns, x, groups))
            tail = precision(rarities(x, groups, clean, centre))
            blind = precision(rarities(x, groups, x, peers(x, groups, x)[0]))
            print(
                f"| {pattern} | {strength} | {precision(oracle):.3f} | {tail:.3f} | {blind:.3f} | {by_score:.3f} "
                f"| {by_p:.3f} | {best:.3f} ({rival}) | {max(by_score, by_p) / best:.1f} |",
                flush=True,
            )


def others(name, ships, keys, unit, patterns, share=0.01):
    """Patterns other than prices: all shipments count, each pattern with its own detector."""
    print(f"\n{name}, patterns other than prices, {share:.0%} planted\n")
    print("| pattern | strength | detector | by score | best of PyOD | times |")
    print("| --- | --- | --- | --- | --- | --- |")
    for pattern, strength, asks, detector in patterns:
        planted, wrong = plant(ships, pattern, strength, share)
        scores = detector.fit_score(planted).to_polars()["score"].fill_null(-1).to_numpy()
        ours = average_precision_score(wrong, scores)
        columns, x = frame_of(planted, unit)
        rivals = pyod_scores(columns, x, group_numbers(planted, keys))
        best, rival = max((average_precision_score(wrong, np.nan_to_num(s, neginf=-1e9)), n) for n, s in rivals)
        print(
            f"| {pattern} | {strength} | `{asks}` | {ours:.3f} | {best:.3f} ({rival}) | {ours / best:.1f} |", flush=True
        )


def main():
    strengths = (2, 4, 8)
    sample = rl.samples.shipments(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, plant=False).ships
    study("the generated sample", sample, ("hs", "origin"), "net_weight", strengths)
    scms = rl.read(DATA / "scms_shipments" / "SCMS_Delivery_History_Dataset.csv")
    study("USAID deliveries", scms, ("Item Description",), "quantity", strengths)
    year = pl.col("Delivered to Client Date").str.slice(-2).alias("delivered in")
    yearly = rl.read(scms.to_polars().with_columns(year))
    study("USAID deliveries by year", yearly, ("Item Description", "delivered in"), "quantity", strengths)
    repeats = [
        (pattern, strength, "Repeats(tolerance=0.05)", rl.Repeats(tolerance=0.05))
        for pattern, strength in (("duplicate", 2), ("duplicate", 3), ("split", 2), ("split", 4))
    ]
    wording = 'Rarity(of="hs6", given="description")', rl.Rarity(of="hs6", given="description")
    codes = [("mislabelled", 2, "UnitValue()", rl.UnitValue()), ("mislabelled", 2, *wording)]
    others("the generated sample", sample, ("hs", "origin"), "net_weight", repeats + codes)
    others("USAID deliveries", scms, ("Item Description",), "quantity", repeats)


if __name__ == "__main__":
    main()
