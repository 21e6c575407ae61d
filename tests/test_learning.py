"""Features, planted anomalies, evaluation, leaking labels and the transformer."""

import math

import numpy as np
import polars as pl
import pytest
import redlane as rl
from redlane.sklearn import ShipmentFeatures
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline


@pytest.fixture(scope="module")
def ships():
    return rl.samples.shipments(20_000, seed=1, plant=False).ships


def test_features_come_from_history_alone(ships):
    history, new = ships.where(date=rl.between(None, "2022")), ships.where(year=2023)
    table = rl.features(new, history=history).to_polars()
    assert len(table) == len(new)
    assert all(kind == pl.Float64 for kind in table.dtypes)
    # The features of a record do not depend on the other records described.
    half = rl.read(new.to_polars().head(500))
    assert rl.features(half, history=history).to_polars().equals(table.head(500))
    # Counts by hand: with one fold all of the history counts.
    whole = rl.features(new, history=history, folds=1).to_polars()
    frame, past = new.to_polars(), history.to_polars()
    for i in range(0, len(frame), len(frame) // 20):
        own = past.filter(pl.col("importer") == frame["importer"][i])
        assert whole["records_importer"][i] == len(own)
        last = None if len(own) == 0 else (past["date"].max() - own["date"].max()).days
        assert whole["days_since_importer"][i] == last
        assert whole["share_importer"][i] == pytest.approx(own["value"].sum() / past["value"].sum())
        assert len(own) * 0.5 - 5 <= table["records_importer"][i] <= len(own)
    assert table["log_value"].to_numpy() == pytest.approx(np.log(frame["value"].to_numpy()))


def test_training_records_are_described_by_the_other_folds():
    rng = np.random.default_rng(6)
    n = 2_000
    frame = pl.DataFrame(
        {"hs": rng.choice(["010101", "020202", "030303"], n), "importer": ["A"] * n, "origin": rng.choice(["CN", "US"], n),
         "value": np.exp(rng.normal(5, 1, n)), "net_weight": np.exp(rng.normal(3, 1, n))}
    )  # fmt: skip
    ships = rl.read(frame)
    table = rl.features(ships, folds=5).to_polars()
    # All records have one importer, so the count is the size of the other folds.
    others = table["records_importer"].to_numpy()
    sizes = {n - size for size in others}
    assert len(sizes) == 5
    assert sum(sizes) == n
    assert min(sizes) > n / 5 - 5 * np.sqrt(n * 0.16)
    price = np.log(frame["value"] / frame["net_weight"]).to_numpy()
    code = frame["hs"].to_numpy()
    for i in range(0, n, 50):
        peers = price[(code == code[i]) & (others != others[i])]
        assert table["unit_value_peers_hs6"][i] == len(peers)
        centre = np.median(peers)
        scale = 1.4826022185056018 * np.median(abs(peers - centre))
        assert table["unit_value_z_hs6"][i] == pytest.approx((price[i] - centre) / scale, rel=1e-9)
    # The fold is a matter of the record alone: other rows and further columns do not change it, nor does naming the
    # training records as the history.
    assert rl.features(ships, history=ships, folds=5).to_polars().equals(table)
    order = rng.permutation(n)
    shuffled = rl.read(frame[order.tolist()].with_columns(note=pl.lit("x")))
    assert rl.features(shuffled, folds=5).to_polars().equals(table[order.tolist()])
    # A copy of a training record, met later, is described without the original.
    assert rl.features(rl.read(frame.head(9)), history=ships, folds=5).to_polars().equals(table.head(9))
    for wrong in (0, -1, 101):
        with pytest.raises(rl.errors.ArgumentError, match="folds"):
            rl.features(ships, folds=wrong)
    bare = rl.read(pl.DataFrame({"x": [1, 2]}))
    with pytest.raises(rl.errors.ArgumentError, match="none of the roles"):
        rl.features(bare)
    assert len(rl.features(rl.read(frame.head(1)))) == 1
    assert len(rl.features(rl.read(frame.head(0)), history=ships)) == 0


def no_signal(rng, n):
    """Records whose columns are drawn independently, so that later ones are like earlier ones."""
    share = 1 / np.arange(1, 301)
    days = np.sort(rng.integers(0, 1_000, n))
    return pl.DataFrame(
        {
            "date": np.datetime64("2021-01-01") + days,
            "hs": rng.choice([f"{code:06d}" for code in range(10_101, 10_141)], n),
            "origin": rng.choice(["CN", "US", "DE", "FR", "JP", "IN"], n),
            "destination": rng.choice(["KZ", "AM", "GE"], n),
            "importer": rng.choice([f"I{i}" for i in range(300)], n, p=share / share.sum()),
            "exporter": rng.choice([f"E{i}" for i in range(300)], n, p=share / share.sum()),
            "net_weight": np.exp(rng.normal(3, 1, n)),
            "value": np.exp(rng.normal(5, 1.5, n)),
        }
    )


@pytest.mark.parametrize("later", ["by date", "at random"])
def test_training_records_look_like_later_ones(later):
    rng = np.random.default_rng(7)
    n = 12_000
    frame = no_signal(rng, n)
    order = np.arange(n) if later == "by date" else rng.permutation(n)
    train, new = (rl.read(frame[part.tolist()]) for part in np.split(order, 2))

    def told_apart(folds):
        """How well a model tells which are which (area under the ROC)."""
        x = [rl.features(train, folds=folds), rl.features(new, history=train, folds=folds)]
        x = np.concatenate([part.to_polars().to_numpy() for part in x])
        y = np.repeat([0, 1], n // 2)
        model = HistGradientBoostingClassifier(max_iter=60, random_state=0)
        odds = cross_val_predict(
            model, x, y, cv=StratifiedKFold(3, shuffle=True, random_state=0), method="predict_proba"
        )
        return roc_auc_score(y, odds[:, 1])

    # The standard error of the area is 0.005. With one fold training records are among their own peers.
    assert told_apart(10) < 0.53
    assert told_apart(1) > 0.55


@pytest.mark.parametrize("pattern", ["overvalued", "undervalued", "duplicate", "split", "mislabelled", "newcomer"])
def test_planted_anomalies_are_what_they_say(ships, pattern):
    planted = rl.inject(ships, pattern, n=20, strength=4, seed=3)
    again = rl.inject(ships, pattern, n=20, strength=4, seed=3)
    assert planted.ships.to_polars().equals(again.ships.to_polars())
    rows = planted.truth["row"].to_pylist()
    before, after = ships.to_polars(), planted.ships.to_polars()
    assert planted.ships.roles == ships.roles
    untouched = [i for i in range(len(before)) if i not in set(rows)]
    assert after[untouched].equals(before[untouched])
    if pattern in ("overvalued", "undervalued"):
        factor = 4 if pattern == "overvalued" else 0.25
        assert len(rows) == 20
        assert (after["value"][rows] / before["value"][rows]).to_numpy() == pytest.approx(factor)
    elif pattern == "duplicate":
        assert len(after) == len(before) + 3 * 20
        assert after[rows].drop("id").unique().height <= 20
    elif pattern == "split":
        assert len(after) == len(before) + 3 * 20
        assert after["value"].sum() == pytest.approx(before["value"].sum())
    elif pattern == "mislabelled":
        assert (after["hs"][rows].str.slice(0, 4) != before["hs"][rows].str.slice(0, 4)).all()
    else:
        firms = after["importer"][rows].unique()
        assert len(firms) == 20
        assert not set(firms) & set(before["importer"])


def test_planting_what_does_not_fit(ships):
    for arguments, words in [
        (("overvalued", 10**6, 5), "only"),
        (("stolen", 5, 5), "not known"),
        (("overvalued", 5, 0.5), "above 1"),
    ]:
        with pytest.raises(rl.errors.ArgumentError, match=words):
            rl.inject(ships, arguments[0], n=arguments[1], strength=arguments[2])
    with pytest.raises(rl.SchemaError, match="value"):
        rl.inject(rl.read(pl.DataFrame({"x": ["a"] * 5})), "overvalued", n=1)


def test_evaluation_by_hand_and_by_scikit_learn():
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=1_000), 1)  # with ties
    truth = rng.random(1_000) < 0.1
    scores[truth] += 1
    value = rng.uniform(0, 100, 1_000)
    lines = {(r["measure"], r["at"]): r for r in rl.evaluate(scores, truth, value).to_pylist()}
    assert lines["average_precision", None]["value"] == pytest.approx(average_precision_score(truth, scores))
    assert lines["base_rate", None]["value"] == truth.mean()
    order = np.argsort(-(scores + 1e-9 * rng.random(1_000)))
    for share in (0.01, 0.02, 0.05, 0.1):
        first = order[: round(share * 1_000)]
        line = lines["precision", share]
        assert line["value"] == pytest.approx(truth[first].mean(), abs=0.2)
        assert line["low"] <= line["value"] <= line["high"]
        assert lines["recall", share]["value"] == pytest.approx(line["value"] * len(first) / truth.sum())
        assert 0 <= lines["revenue", share]["value"] <= 1
    rows = np.nonzero(truth)[0].tolist()
    assert rl.evaluate(scores, rows).to_pylist()[1] == rl.evaluate(scores, truth).to_pylist()[1]
    with pytest.raises(rl.errors.ArgumentError, match="has no score"):
        rl.evaluate([1.0, 2.0, 3.0], [7])
    with pytest.raises(rl.errors.ArgumentError, match="nothing to find"):
        rl.evaluate([1.0, 2.0], [False, False])


def test_evaluation_in_the_order_of_findings():
    planted = rl.inject(rl.samples.shipments(20_000, plant=False).ships, "overvalued", n=100, strength=4)
    table = rl.UnitValue().fit_score(planted.ships)
    unlikely = [None if p is None else -p for p in table["p_value"].to_pylist()]
    truth = [row in planted.truth["row"].to_pylist() for row in range(len(planted.ships))]
    by_p, by_score = (rl.evaluate(table, planted.truth, order=order).to_pylist() for order in ("p_value", "score"))
    assert by_p[1] == rl.evaluate(unlikely, truth).to_pylist()[1]
    assert by_p[1] != by_score[1] == rl.evaluate(table, planted.truth).to_pylist()[1]
    with pytest.raises(rl.errors.ArgumentError, match="order"):
        rl.evaluate(table, planted.truth, order="rank")


def test_the_korean_labels_leak(data):
    folder = data / "customs_declarations"
    train, test = rl.read(folder / "train.csv"), rl.read(folder / "test.csv")
    report = rl.leakage_report(train, test, "Fraud").to_pylist()
    best = report[-1]
    # A look-up of (HS6, departure, origin, tax rate, tax type) alone gets 0.929 among the first 5 %.
    assert best["precision_at_5"] > 0.92
    assert best["auc"] > 0.87
    assert best["base_rate"] == pytest.approx(0.216, abs=0.001)
    # The parties were drawn at random, so a detector without labels is no better than chance.
    label = [x > 0 for x in test.aggregate(["id", "Fraud"], "shipments")["Fraud"].to_pylist()]
    assert 0.2 < np.mean(label) < 0.23
    truth = np.array(test.to_polars()["Fraud"].cast(pl.Int64).to_list()) > 0
    for detector in (rl.UnitValue(min_peers=5), rl.Ecod(), rl.Isolation()):
        scores = [0.0 if s is None else s for s in detector.fit(train).score(test)["score"].to_pylist()]
        found = {(r["measure"], r["at"]): r["value"] for r in rl.evaluate(scores, truth).to_pylist()}
        assert 0.15 < found["precision", 0.1] < 0.3


def test_no_leak_is_no_leak():
    rng = np.random.default_rng(0)

    def frame(seed):
        rng = np.random.default_rng(seed)
        return pl.DataFrame(
            {f"c{i}": rng.integers(0, 20, 3_000) for i in range(4)} | {"fraud": rng.integers(0, 2, 3_000)}
        )

    report = rl.leakage_report(rl.read(frame(1)), rl.read(frame(2)), "fraud").to_pylist()
    assert max(r["auc"] for r in report) < 0.55
    shuffled = frame(1)[rng.permutation(3_000).tolist()]
    assert rl.leakage_report(rl.read(shuffled), rl.read(frame(2)), "fraud").to_pylist() == report
    with pytest.raises(rl.SchemaError, match="fruad"):
        rl.leakage_report(rl.read(frame(1)), rl.read(frame(2)), "fruad")


def test_transformer_in_a_pipeline():
    sample = rl.samples.shipments(10_000, seed=2)
    frame = sample.ships.to_pandas()
    wrong = np.isin(np.arange(len(frame)), sample.truth["row"].to_pylist())
    model = make_pipeline(ShipmentFeatures(), HistGradientBoostingClassifier(max_iter=30, random_state=0))
    model.fit(frame[:8_000], wrong[:8_000])
    assert model.predict_proba(frame[8_000:]).shape == (2_000, 2)
    features = model[0]
    names = list(features.get_feature_names_out())
    assert list(features.transform(frame[8_000:]).columns) == names
    assert not math.isnan(features.transform(frame[8_000:8_001])["log_value"].iloc[0])
    with pytest.raises(rl.errors.NotFittedError):
        ShipmentFeatures().transform(frame)
