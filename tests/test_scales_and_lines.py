"""Robust scales and lines compared with R (robustbase 0.95) on EU trade data, and properties of the fits."""

import math

import numpy as np
import polars as pl
import pytest
import redlane as rl

MAD_K = 1.482602218505602
FENCE = 2.697959000784327  # fences of a symmetric normal, in standard deviations

# R 4.2.2, robustbase 0.95: median, mad, Qn, Sn, mc and adjboxStats()$fence of ln(value / weight).
SCALES = {
    "inttrade1": (9.642792667, 0.03974042354, 0.03988662048, 0.04058240336, 0.1184273224, 9.571895911, 9.781149439),
    "inttrade2": (1.449103625, 0.2072241185, 0.2168960249, 0.2138294278, 0.003211943871, 0.9019421296, 2.022592224),
    "tradeH": (2.369027907, 0.2072194202, 0.2086877055, 0.210940334, -0.08032501479, 1.678952125, 2.809317195),
    "facemasks": (3.334490251, 1.230646546, 1.135963941, 1.34085556, 0.2601211575, 1.647142252, 10.65846216),
}
# ltsReg(weight, value, alpha = 0.5): raw line, sum of the h smallest squared residuals, reweighted line.
LINES = {
    "tradeH": ((414.939, 10.63763664), 222_627_763, (451.086, 10.23424153)),
    "inttrade1": ((121.718, 14984.570), 55_345_476, (174.310, 15160.193)),
    "inttrade2": ((170.361, 4.246300446), 1_535_123_834, (648.314, 4.203026254)),
    "facemasks": ((17053.99, 11.73520288), 8.958597e10, (34498.86, 10.84131185)),
}
# lmrob, and lmrob of the logarithms.
MM = {
    "inttrade1": ((85.285, 15350.958, 460.4646), (9.644565097, 0.994795554)),
    "inttrade2": ((1206.55, 4.104126640, 5179.14), (1.544646343, 0.989414371)),
    "tradeH": ((781.738, 9.556669144, 1839.49), (2.891435419, 0.920826252)),
    "facemasks": ((34670.87, 11.76947785, 71752.6), (5.168536328, 0.792724745)),
}


@pytest.fixture(params=sorted(SCALES))
def trade(request, data):
    frame = pl.read_csv(data / "trade_outliers" / f"{request.param}.csv")
    first, last = frame.columns[0], frame.columns[-1]
    frame = frame.select(net_weight=pl.col(first).cast(float), value=pl.col(last).cast(float))
    return request.param, rl.read(frame)


def fitted(detector, ships):
    return detector.fit(ships).state().to_pylist()[0]


def test_scales_equal_robustbase(trade):
    name, ships = trade
    centre, mad, qn, sn, skew, low, high = SCALES[name]
    one = {"by": (), "backoff": ()}
    plain = fitted(rl.UnitValue(**one), ships)
    assert plain["centre"] == pytest.approx(centre, rel=1e-9)
    assert plain["scale"] / MAD_K * 1.4826 == pytest.approx(mad, rel=1e-8)  # R rounds the constant
    assert fitted(rl.UnitValue(scale="qn", **one), ships)["scale"] == pytest.approx(qn, rel=1e-8)
    assert fitted(rl.UnitValue(scale="sn", **one), ships)["scale"] == pytest.approx(sn, rel=1e-8)
    skewed = fitted(rl.UnitValue(scale="adjusted", **one), ships)
    assert skewed["medcouple"] == pytest.approx(skew, abs=1e-9)
    assert skewed["centre"] - FENCE * skewed["scale_below"] == pytest.approx(low, abs=1e-8)
    assert skewed["centre"] + FENCE * skewed["scale_above"] == pytest.approx(high, abs=1e-8)


def test_lines_equal_robustbase(trade):
    name, ships = trade
    raw, least, reweighted = LINES[name]
    line = fitted(rl.ValueWeight(by=(), log=False), ships)
    x, y = (np.array(line[f"{column}_values"]) for column in ("net_weight", "value"))
    squares = np.sort((y - line["raw_intercept"] - line["raw_slope"] * x) ** 2)[: (len(x) + 3) // 2]
    assert line["sum_of_squares"] == pytest.approx(squares.sum(), rel=1e-9)
    assert line["sum_of_squares"] <= least * (1 + 1e-6)
    if name == "inttrade2":
        # FAST-LTS may miss the optimum: R's line has 1.00004 times the squares of this one.
        assert line["sum_of_squares"] < least * (1 - 3e-5)
    else:
        assert (line["raw_intercept"], line["raw_slope"]) == pytest.approx(raw, rel=1e-4)
    assert (line["intercept"], line["slope"]) == pytest.approx(reweighted, rel=1e-4)
    plain, logs = MM[name]
    mm = fitted(rl.ValueWeight(by=(), method="mm", log=False), ships)
    assert (mm["intercept"], mm["slope"], mm["scale"]) == pytest.approx(plain, rel=1e-5)
    mm = fitted(rl.ValueWeight(by=(), method="mm"), ships)
    assert (mm["intercept"], mm["slope"]) == pytest.approx(logs, rel=1e-5)


def test_degenerate_groups_have_a_reason_and_no_effect():
    rng = np.random.default_rng(0)
    weight = np.exp(rng.normal(3, 1, 60))
    frame = pl.DataFrame(
        {
            "hs": ["010101"] * 60 + ["020202"] * 30 + ["030303"] * 30 + ["040404"] * 4,
            "net_weight": [*weight, *[5.0] * 30, *range(1, 31), 1.0, 2.0, 3.0, -4.0],
            "value": [
                *(7 * weight * np.exp(rng.normal(0, 0.1, 60))),
                *range(1, 31),
                *range(2, 62, 2),
                1.0,
                2.0,
                3.0,
                4.0,
            ],
        }
    )
    rows = rl.ValueWeight(by=("hs",), log=False).fit_score(rl.read(frame)).to_pylist()
    assert all(r["score"] is not None for r in rows[:60])
    assert "the same weight" in rows[60]["reason"]
    assert "exactly on one line" in rows[90]["reason"]
    assert "too few" in rows[120]["reason"]
    assert "negative" in rows[123]["reason"]
    assert all(r["score"] is None and r["p_value"] is None for r in rows[60:])
    state = {r["hs"]: r for r in rl.ValueWeight(by=("hs",), log=False).fit(rl.read(frame)).state().to_pylist()}
    assert state["010101"]["no_line"] is None
    assert state["020202"]["slope"] is None


# Brownlee (1965): air flow, water temperature, acid concentration and stack loss.
STACKLOSS = {
    "air": [80, 80, 75, 62, 62, 62, 62, 62, 58, 58, 58, 58, 58, 58, 50, 50, 50, 50, 50, 56, 70],
    "water": [27, 27, 25, 24, 22, 23, 24, 24, 23, 18, 18, 17, 18, 19, 18, 18, 19, 19, 20, 20, 20],
    "acid": [89, 88, 90, 87, 87, 87, 93, 93, 87, 80, 89, 88, 82, 93, 89, 86, 72, 79, 80, 82, 91],
    "loss": [42, 37, 37, 28, 18, 18, 19, 20, 15, 14, 14, 13, 11, 12, 8, 7, 8, 8, 9, 15, 15],
}


def test_several_regressors_equal_robustbase():
    ships = rl.read(pl.DataFrame(STACKLOSS), columns={"value": "loss"})
    on = ("air", "water", "acid")
    least = fitted(rl.ValueWeight(by=(), on=on, min_peers=12, log=False), ships)
    names = ["intercept", *(f"slope_{name}" for name in on)]
    # ltsReg(stack.loss ~ ., alpha = 0.5) and lmrob, R 4.2.2, robustbase 0.95.
    assert [least[name] for name in names] == pytest.approx(
        [-37.6524589008, 0.7976855601, 0.5773404574, -0.0670601769], rel=1e-9
    )
    detector = rl.ValueWeight(by=(), on=on, min_peers=12, method="mm", log=False)
    mm = fitted(detector, ships)
    assert [mm[name] for name in names] == pytest.approx(
        [-41.5246159715, 0.9388453471, 0.5795531863, -0.1129218251], rel=1e-5
    )
    assert mm["scale"] == pytest.approx(1.912354456, rel=1e-5)
    rows = detector.score(ships).to_pylist()
    assert rows[20]["direction"] == "low"
    assert rows[20]["reason"].startswith("value 15 for air 70 and water 20 and acid 91, where the fit of 21 shipments")
    assert "value = -" in rows[20]["reason"]


def test_goods_priced_by_weight_and_by_piece():
    rng = np.random.default_rng(5)
    n = 6_000
    pieces = np.ceil(np.exp(rng.normal(3, 1, n)))
    weight = pieces * rng.uniform(0.2, 2.0, n)
    value = (2 * weight + 5 * pieces) * np.exp(rng.normal(0, 0.05, n))
    value[7] *= 0.6
    columns = {"hs": [f"{i % 30:06}" for i in range(n)], "net_weight": weight, "quantity": pieces, "value": value}
    ships = rl.read(pl.DataFrame(columns))
    both = rl.ValueWeight(by=("hs",), on=("net_weight", "quantity"), log=False)
    rows = both.fit_score(ships).to_pylist()
    assert max(rows, key=lambda r: r["score"])["row"] == 7
    state = both.state().to_polars()
    assert state["fair_slope_net_weight"].median() == pytest.approx(2, abs=0.1)
    assert state["fair_slope_quantity"].median() == pytest.approx(5, abs=0.1)
    # By weight alone the same price is not unusual.
    alone = rl.ValueWeight(by=("hs",), log=False).fit_score(ships).to_pylist()
    assert alone[7]["p_value"] > 0.001 > rows[7]["p_value"]
    assert not any("are correlated" in row["reason"] for row in rows)
    nearly = rl.read(pl.DataFrame(columns | {"quantity": weight * rng.uniform(0.97, 1.03, n)}))
    for row in both.fit_score(nearly).to_pylist():
        assert "net_weight and quantity are correlated here, so a single slope is uncertain" in row["reason"]
    # A quantity that is the weight in another unit contains no further information.
    tied = rl.read(pl.DataFrame(columns | {"quantity": weight * 10}))
    reasons = {r["reason"] for r in both.fit_score(tied).to_pylist()}
    assert all("cannot be separated" in reason for reason in reasons)


def test_power_and_outlier_are_seen():
    rng = np.random.default_rng(1)
    n = 4_000
    weight = np.exp(rng.normal(4, 1.2, n))
    value = 3 * weight * np.exp(rng.normal(0, 0.2, n))
    value[5] *= 6
    hs = [f"{i % 20:06}" for i in range(n)]
    ships = rl.read(pl.DataFrame({"hs": hs, "net_weight": weight, "value": value}))
    detector = rl.ValueWeight(by=("hs",), log=False)
    rows = detector.fit_score(ships).to_pylist()
    state = detector.state().to_pylist()
    assert {r["power"] for r in state} == {1.0}
    assert all(2.7 < r["fair_slope"] < 3.3 for r in state)
    assert max(rows, key=lambda r: r["score"])["row"] == 5
    assert rows[5]["direction"] == "high"
    assert "outlier among them at 1 %" in rows[5]["reason"]
    assert rows[5]["expected"] == pytest.approx(value[5] / 6, rel=0.5)
    # The same scale at every weight.
    even = rl.read(pl.DataFrame({"hs": hs, "net_weight": weight, "value": 3 * weight + rng.normal(1_000, 10, n)}))
    assert {r["power"] for r in rl.ValueWeight(by=("hs",), log=False).fit(even).state().to_pylist()} == {0.0}


@pytest.mark.parametrize("n", [6, 9, 12, 24, 25, 40, 200, 700])
def test_least_trimmed_squares_is_no_worse_than_many_starts(n):
    rng = np.random.default_rng(n)
    x = np.exp(rng.normal(0, 1, n))
    y = 2 * x + rng.normal(0, 0.3, n)
    y[: n // 3] = rng.uniform(0, 30, n // 3)
    h = (n + 3) // 2
    best = math.inf
    for _ in range(400):
        keep = rng.choice(n, 2, replace=False)
        for _ in range(30):
            slope, intercept = np.polyfit(x[keep], y[keep], 1)
            residual = (y - intercept - slope * x) ** 2
            keep = np.argsort(residual, kind="stable")[:h]
        best = min(best, np.sort(residual)[:h].sum())
    line = fitted(
        rl.ValueWeight(by=(), min_peers=6, log=False), rl.read(pl.DataFrame({"net_weight": x, "value": np.maximum(y, 1e-6)}))
    )
    if (y > 0).all():
        assert line["sum_of_squares"] <= best * (1 + 1e-6)


def test_arguments():
    ships = rl.read(pl.DataFrame({"net_weight": [1.0, 2.0], "value": [1.0, 2.0], "name": ["a", "b"]}))
    for detector, words in [
        (rl.UnitValue(scale="iqr"), "scale"),
        (rl.ValueWeight(method="ols"), "method"),
        (rl.ValueWeight(min_peers=3), "6 or more"),
        (rl.ValueWeight(on=("net_weight", "quantity"), min_peers=8), "9 or more"),
        (rl.ValueWeight(on=()), "on names 0 columns"),
        (rl.ValueWeight(on=("net_weight", "net_weight")), "twice"),
        (rl.ValueWeight(on=("value",)), "what is explained"),
        (rl.ValueWeight(on=("name",)), "does not hold numbers"),
    ]:
        with pytest.raises(rl.errors.ArgumentError, match=words):
            detector.fit(ships)
