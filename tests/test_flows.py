"""Surges, newcomers, divergence, diversion and mirror gaps: the published figures, planted patterns, real events."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
import redlane as rl
from scipy import stats
from statsmodels.tsa.seasonal import MSTL


def months(n, start="2020-01"):
    return [np.datetime64(start) + i for i in range(n)]


def monthly(series, start="2020-01"):
    """Shipments with one record a month and series."""
    frames = [
        pl.DataFrame(
            {"series": [str(name)] * len(y), "date": np.array(months(len(y), start), "datetime64[D]"), "value": y}
        )
        for name, y in series.items()
    ]
    return rl.read(pl.concat(frames))


def table(detector, ships):
    return detector.fit_score(ships).to_polars()


# Surge


def test_the_kenyan_plants_shift_once(data):
    frame = pl.read_csv(data / "trade_outliers" / "P12119085.csv", try_parse_dates=True)
    ships = rl.read(frame, columns={"date": "period", "net_weight": "net_weight_t"})
    detector = rl.Surge(by=(), measure="net_weight").fit(ships)
    (state,) = detector.state().to_pylist()
    assert state["shift"] == dt.date(2010, 10, 1)
    assert (state["before"] / state["after"]) == pytest.approx(135.9 / 68.2, rel=1e-3)
    kinds = [r["kind"] for r in detector.score(ships).to_pylist()]
    assert kinds.index("shift") == 26
    assert kinds.count("shift") == 1
    assert "collapse" not in kinds


def test_shifts_in_seasonal_series_are_dated_and_spikes_are_spikes():
    rng = np.random.default_rng(0)
    n, t = 1_000, 48
    season = 20 * np.sin(2 * np.pi * np.arange(t) / 12 + rng.uniform(0, 6, (n, 1)))
    clean = 400 + season + 4 * rng.standard_normal((n, t))
    at = rng.integers(8, 41, n)
    shifted = clean + 32 * (np.arange(t) >= at[:, None])
    spiked = clean + 32 * (np.arange(t) == at[:, None])
    scores = table(rl.Surge(by=("series",)), monthly(dict(enumerate(shifted))))
    dates = dict(scores.filter(pl.col("kind").is_in(["shift", "collapse"])).select("series", "period").rows())
    right = sum(dates.get(str(i)) == np.datetime64("2020-01", "M").astype(object) + pl_months(at[i]) for i in range(n))
    assert right >= 950
    scores = table(rl.Surge(by=("series",)), monthly(dict(enumerate(spiked))))
    kinds = scores["kind"].to_list()
    assert kinds.count("shift") + kinds.count("collapse") <= 20
    found = set(scores.filter(pl.col("kind") == "spike").select("series", "period").rows())
    assert sum((str(i), months(48)[at[i]].astype("datetime64[D]").astype(object)) in found for i in range(n)) >= 900


def pl_months(k):
    """The step from January 2020 to a later month."""
    return dt.date(2020 + k // 12, 1 + k % 12, 1) - dt.date(2020, 1, 1)


def test_residuals_rank_as_those_of_mstl():
    # With a fixed season and a straight trend, as in Surge. More flexible settings follow the noise.
    rng = np.random.default_rng(1)
    agreement = []
    for _ in range(15):
        t = np.arange(144)
        y = np.exp(6 + 0.002 * t + 0.25 * np.sin(2 * np.pi * t / 12) + 0.1 * rng.standard_normal(144))
        rows = rl.Surge(by=()).fit_score(monthly({"a": y})).to_pylist()
        ours = [np.log(r["observed"] / r["expected"]) for r in rows]
        theirs = MSTL(np.log(y), periods=(12,), windows=(1441,), stl_kwargs={"trend": 145}).fit().resid
        agreement.append(stats.spearmanr(ours, theirs).statistic)
    assert np.median(agreement) >= 0.9


def test_flows_that_mostly_rest_raise_no_flood():
    rng = np.random.default_rng(2)
    rows = [
        {
            "series": str(i),
            "date": dt.date(2020 + m // 12, 1 + m % 12, 1 + int(rng.integers(0, 28))),
            "value": float(np.exp(rng.normal(5, 1))),
        }
        for i in range(400)
        for m in range(48)
        for _ in range(rng.poisson(0.15))
    ]
    ships = rl.read(pl.DataFrame(rows))
    for measure in ("value", "shipments"):
        scores = table(rl.Surge(by=("series",), measure=measure), ships)
        q = rl.fdr(scores["p_value"].to_list())
        assert sum(x is not None and x <= 0.05 for x in q) == 0
        assert scores["kind"].is_not_null().mean() < 0.03


def test_periods_without_a_price_say_nothing_of_it():
    rows = [
        {
            "hs": "880211",
            "date": dt.date(2020 + m // 12, 1 + m % 12, 3 + k),
            "value": 100.0 + m % 7 + k,
            "net_weight": 10,
        }
        for m in range(48)
        if m % 5 >= 3
        for k in range(3)
    ]
    scores = table(rl.Surge(by=("hs",), measure="unit_value"), rl.read(pl.DataFrame(rows)))
    assert len(scores) == 18
    assert scores["expected"].is_between(10, 11).all()
    assert scores["score"].max() < 3.5
    assert scores["kind"].is_null().all()


def test_counts_values_concentration_and_the_past_alone():
    rng = np.random.default_rng(3)
    rows = []
    for m in range(36):
        share = 0.9 if m >= 24 else 0.25
        for f in range(12):
            value = 1000 * (share * 12 if f == 0 else (1 - share) * 12 / 11) * np.exp(0.05 * rng.standard_normal())
            rows.append(
                {"hs": "690912", "importer": f"F{f}", "date": dt.date(2020 + m // 12, 1 + m % 12, 5), "value": value}
            )
    ships = rl.read(pl.DataFrame(rows))
    scores = table(rl.Surge(by=("hs6",), measure="importer.hhi"), ships)
    (shift,) = scores.filter(pl.col("kind") == "shift").to_dicts()
    assert shift["period"] == dt.date(2022, 1, 1)
    assert shift["after"] > 0.8 > shift["before"]
    past = rl.Surge(by=("hs6",), measure="importer.hhi", mode="expanding").fit_score(ships).to_pylist()
    assert all("not scored" in r["reason"] for r in past[:12])
    assert past[24]["kind"] == "spike"
    # Later periods change nothing.
    earlier = (
        rl.Surge(by=("hs6",), measure="importer.hhi", mode="expanding")
        .fit_score(ships.where(date=rl.between(None, "2022-03")))
        .to_pylist()
    )
    assert [r["expected"] for r in earlier] == [r["expected"] for r in past[:27]]
    # A concentration cannot be merged from two parts of one month.
    half = [ships.rows(list(range(k, len(ships), 2))) for k in (0, 1)]
    fits = [rl.Surge(by=("hs6",), measure="importer.hhi").fit(h) for h in half]
    with pytest.raises(rl.errors.ArgumentError, match=r"importer.hhi.*merge fits of different periods"):
        fits[0].merge(fits[1])


# Divergence


def test_the_published_figures():
    frame = pl.DataFrame(
        {
            "hs": ["690912"] * 4 + ["880622"] * 2 + ["847141"] * 2,
            "destination": ["RU", "RU", "UA", "UA", "RU", "UA", "KG", "KG"],
            "importer": ["a"] * 6 + ["b"] * 2,
            "date": ["2022-06-01", "2023-06-01"] * 2 + ["2023-06-01"] * 2 + ["2022-06-01", "2023-06-01"],
            "value": [133.14, 225, 12.82, 5, 100, 3.33, 0.4, 300],
        }
    )
    ships = rl.read(frame)
    scores = {
        (r["hs6"], r["destination"]): r for r in rl.Divergence(current="2023", base="2022").fit_score(ships).to_pylist()
    }
    first, second = scores["690912", "RU"], scores["690912", "UA"]
    assert first["growth"] == pytest.approx(0.69, abs=1e-3)
    assert second["growth"] == pytest.approx(-0.61, abs=1e-3)
    assert first["log_divergence"] == pytest.approx(1.4663, abs=1e-4)
    assert first["ratio_of_ratios"] == pytest.approx(4.33, abs=5e-3)
    assert (first["against"], second["against"]) == ("UA", "RU")
    for words in ("rose by 69 %", "fell by 61 %"):
        assert words in first["reason"]
        assert words in second["reason"]
    # An unknown destination, and a product with only one destination.
    assert np.isfinite(scores["880622", "RU"]["score"])
    assert "no other destination" in scores["847141", "KG"]["reason"]
    compared = {
        (r["hs6"], r["destination"]): r
        for r in ships.compare(["hs6", "destination"], "2023", "2022", against={"destination": "UA"}).to_pylist()
    }
    assert compared["690912", "RU"]["growth"] == pytest.approx(0.69, abs=1e-3)
    assert compared["880622", "RU"]["times"] == pytest.approx(30, abs=0.05)
    firm = compared["847141", "KG"]
    assert firm["current"] / firm["base"] == pytest.approx(750)
    assert firm["growth_dhs"] == pytest.approx(1.9947, abs=1e-4)


# Planted patterns


@pytest.fixture(scope="module")
def samples():
    def made(plant):
        return [rl.samples.shipments(100_000, seed=100 + seed, plant=plant) for seed in range(20)]

    return made(True), made(False)


DETECTORS = {
    "newcomer": lambda: rl.Newcomer(),
    "divergence": lambda: rl.Divergence(current="2023", base="2022"),
    "diversion": lambda: rl.Diversion(target="RU", event="2022-03-01"),
    "surge": lambda: rl.Surge(measure="shipments"),
    "surge of values": lambda: rl.Surge(),
    "mirror gap": lambda: rl.MirrorGap(),
}


def planted(name, row):
    return {
        "newcomer": lambda: row["importer"] == "Vostok Prime Trading LLC KG",
        "divergence": lambda: row["hs6"] == "690912" and row["destination"] in ("RU", "UA"),
        "diversion": lambda: row["hs6"] == "848210" and row["through"] == "KG",
        "surge": lambda: (
            (row["hs6"], row["destination"]) in {("848210", "KG"), ("851762", "KG"), ("854231", "KG"), ("690912", "RU")}
        ),
    }[name]()


@pytest.mark.parametrize("name", ["newcomer", "divergence", "diversion", "surge"])
def test_planted_patterns_are_among_the_first_ten(name, samples):
    hits = 0
    for sample in samples[0]:
        scores = table(DETECTORS[name](), sample.ships).sort(
            "p_value", "score", descending=[False, True], nulls_last=True
        )
        hits += any(planted(name, row) for row in scores.head(10).to_dicts())
    assert hits >= 18


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_nothing_planted_gives_next_to_no_findings(name, samples):
    alarms = 0
    for sample in samples[1]:
        scores = DETECTORS[name]().fit_score(sample.ships)
        alarms += any(q is not None and q <= 0.05 for q in rl.fdr(scores["p_value"]).to_pylist())
    assert alarms <= 2


# A real event


@pytest.fixture(scope="module")
def exports(data):
    (path,) = (data / "eurostat_russia_neighbours").glob("*.csv")
    frame = pl.read_csv(path).filter(pl.col("flow") == "EXPORT")
    members = ~pl.col("reporter").str.contains("European Union|Euro area")
    return rl.read(frame.filter(members)), rl.read(frame)


def test_exports_to_russia_go_round(exports):
    members, with_sums = exports
    scores = rl.Diversion(target="Russian Federation", event="2022-02-24").fit_score(members).to_pylist()
    ranked = sorted(scores, key=lambda r: -r["score"])
    assert [r["through"] for r in ranked[:3]] == ["KG", "AM", "KZ"]
    for r, (before, after) in zip(ranked, [(263, 2734), (757, 2162), (5487, 12110)], strict=False):
        assert round(r["in_before"] / 1e6) == before
        assert round(r["in_after"] / 1e6) == after
        assert r["substitution_ratio"] == pytest.approx(
            (r["in_after"] - r["in_before"]) / (r["direct_before"] - r["direct_after"])
        )
        # No placebo scores as high, and the p-value says only that. The windows of the event span three years, and
        # there is room for them once before it, in each of five countries.
        assert r["placebos"] == 5
        assert r["p_value"] == 1 / (r["placebos"] + 1)
        assert len(r["in_series"]) == 68
        assert sum(r["in_series"][24:36]) == pytest.approx(r["in_before"])
        assert "two of the three legs" in r["caution"]
    assert round(ranked[0]["direct_before"] / 1e6) == 89169
    assert round(ranked[0]["direct_after"] / 1e6) == 38182
    caution = (
        rl.Diversion(target="Russian Federation", event="2022-02-24").fit_score(with_sums)["caution"].to_pylist()[0]
    )
    assert "European Union" in caution
    assert "counted twice" in caution


def test_the_shifts_of_2022_are_dated(exports):
    state = {r["destination"]: r for r in rl.Surge(by=("destination",)).fit(exports[0]).state().to_pylist()}
    assert state["KG"]["shift"].year == 2022
    assert state["AM"]["shift"].year == 2022
    assert state["RU"]["shift"] in (dt.date(2022, 3, 1), dt.date(2022, 4, 1))
    assert state["RU"]["after"] < 0.5 * state["RU"]["before"]


# Newcomer and mirror gap by hand


def test_a_firm_that_sleeps_and_wakes_counts_again():
    rng = np.random.default_rng(5)
    rows = []
    for f in range(120):
        start = dt.date(2018, 1, 1) + dt.timedelta(int(rng.integers(0, 1400)))
        rows += [
            (f"F{f}", start + dt.timedelta(int(d)), float(np.exp(rng.normal(8, 1)))) for d in rng.integers(0, 300, 4)
        ]
    rows += [("Sleeper", dt.date(2018, 1, 5) + dt.timedelta(30 * k), 1_000.0) for k in range(5)]
    rows += [("Sleeper", dt.date(2022, 3, 1) + dt.timedelta(7 * k), 2e6) for k in range(20)]
    rows += [("Old hand", dt.date(2018, 1, 1) + dt.timedelta(60 * k), 5e6) for k in range(28)]
    frame = pl.DataFrame(rows, schema=["importer", "date", "value"], orient="row")
    founded = pl.DataFrame({"firm": ["Sleeper", "F1"], "on": [dt.date(2010, 1, 1), dt.date(2030, 1, 1)]})
    scores = {r["importer"]: r for r in rl.Newcomer(founded=founded).fit_score(rl.read(frame)).to_pylist()}
    sleeper = scores["Sleeper"]
    assert sleeper["score"] == max(r["score"] or 0 for r in scores.values())
    assert sleeper["p_value"] < 0.01
    assert sleeper["slept_since"] == dt.date(2018, 5, 5)
    assert sleeper["observed"] == 20 * 2e6
    assert "after a pause" in sleeper["reason"]
    assert "founded on 2010-01-01" in sleeper["caution"]
    assert scores["Old hand"]["score"] is None
    assert "may be older" in scores["Old hand"]["reason"]
    with pytest.raises(rl.errors.ArgumentError, match="nobody can be new"):
        rl.Newcomer(burn_in=3000).fit(rl.read(frame))
    with pytest.raises(rl.errors.ArgumentError, match="not a date"):
        rl.Newcomer(founded={"A": "soon"}).fit(rl.read(frame))


def test_goods_that_leave_and_never_arrive():
    rng = np.random.default_rng(6)
    rows = []
    countries = ["DE", "FR", "KG", "KZ", "CN", "US"]
    for _ in range(3_000):
        o, d = rng.choice(countries, 2, replace=False)
        hs = f"{8400 + rng.integers(0, 20)}10"
        day = dt.date(2021, 1, 1) + dt.timedelta(int(rng.integers(0, 900)))
        value = float(np.exp(rng.normal(9, 1)))
        rows.append((hs, o, d, day, value, "exporter"))
        freight = 1.10 if "US" in (o, d) else 1.04
        if rng.random() > 0.002:
            rows.append(
                (
                    hs,
                    o,
                    d,
                    day + dt.timedelta(int(rng.integers(10, 40))),
                    value * freight * np.exp(0.02 * rng.standard_normal()),
                    "importer",
                )
            )
    ghosts = [("848210", "DE", "KG", dt.date(2022, 5, 1) + dt.timedelta(k), 90_000.0, "exporter") for k in range(8)]
    halved = [
        ("853669", "FR", "CN", dt.date(2022, 5, 2), 80_000.0, "exporter"),
        ("853669", "FR", "CN", dt.date(2022, 5, 20), 20_000.0, "importer"),
    ]
    names = ["hs", "origin", "destination", "date", "value", "reported_by"]
    ships = rl.read(pl.DataFrame(rows + ghosts + halved, schema=names, orient="row"))
    detector = rl.MirrorGap(every="year")
    scores = detector.fit_score(ships)
    ranked = sorted((r for r in scores.to_pylist() if r["p_value"] is not None), key=lambda r: r["p_value"])
    by = {(r["hs6"], r["origin"], r["destination"]): r for r in reversed(ranked)}
    ghost = by["848210", "DE", "KG"]
    assert ghost["class"] == "lost"
    assert ghost["ghost_share"] == 1
    assert ghost["export"] == 720_000
    # One flow in five hundred is missed, whatever its size: it is the size of this one that makes it a lead.
    lost = [r for r in ranked if r["class"] == "lost"]
    assert ghost["p_value"] < 0.05
    assert ghost["export"] == max(r["export"] for r in lost)
    assert ghost["p_value"] <= 2 * lost[0]["p_value"]
    assert "8 records" in ghost["reason"]
    assert by["853669", "FR", "CN"] in ranked[:10]
    assert by["853669", "FR", "CN"]["direction"] == "low"
    both = scores.to_polars().filter(pl.col("class") == "both")
    assert len(both) > 0.9 * len(scores)
    # Freight by route, and the lag between the reports.
    usual = both.filter((pl.col("origin") == "US") | (pl.col("destination") == "US"))["usual_gap"]
    assert np.exp(usual.median()) == pytest.approx(1.10, abs=0.02)
    assert 15 <= detector.state().to_pylist()[0]["lag"] <= 35
    with pytest.raises(rl.errors.ArgumentError, match="exporter"):
        detector.fit(ships.where(reported_by="importer"))
    with pytest.raises(rl.errors.ArgumentError, match="origin"):
        rl.MirrorGap(by=("hs6",)).fit(ships)


# Errors


def test_bad_input():
    ships = rl.samples.shipments(5_000, plant=False).ships
    undated = rl.read(ships.to_polars().drop("date"))
    for detector in (
        rl.Surge(),
        rl.Newcomer(),
        rl.Divergence(),
        rl.MirrorGap(),
        rl.Diversion(target="RU", event="2022-03-01"),
    ):
        with pytest.raises(rl.SchemaError, match="date"):
            detector.fit(undated)
    month = ships.where(month="2022-03")
    for detector, words in [
        (rl.Surge(), r"1 month \(2022-03 to 2022-03\), fewer than min_periods=12"),
        (rl.Newcomer(), "nobody can be new"),
        (rl.Divergence(), "base .* lies outside the data"),
        (rl.Diversion(target="RU", event="2022-03-01"), "lies outside the data: the data go from 2022-03 to 2022-03"),
    ]:
        with pytest.raises(rl.errors.ArgumentError, match=words):
            detector.fit(month)
    for detector, words in [
        (rl.Diversion(target="Rossia", event="2022-03-01"), 'target "Rossia" is not in the data.*there are'),
        (
            rl.Diversion(target="RU", event="2031-03-01"),
            "event 2031-03-01 lies outside the data: the data go from 2020-01",
        ),
        (rl.Diversion(target="RU", event="someday"), "not a date"),
        (rl.Diversion(target="RU", event="2022-03-01", through=["Atlantis"]), "Atlantis"),
        (rl.Diversion(target="RU", event="2022-03-01", before="2023"), "before must end"),
        (rl.Surge(every="fortnight"), "fortnight"),
        (rl.Surge(by=("hs6", "month")), "cannot hold the period"),
        (rl.Surge(mode="both"), "mode"),
        (rl.Divergence(current="2023", base="2023-Q1"), "overlap"),
        (rl.Divergence(measure="shipments"), "not a sum of a column"),
        (rl.Newcomer(measure="value.median"), "not a sum"),
    ]:
        with pytest.raises(rl.RedlaneError, match=words):
            detector.fit(ships)
    far = pl.concat([ships.to_polars().head(50), ships.to_polars().head(1).with_columns(date=dt.date(1900, 1, 1))])
    with pytest.raises(rl.errors.ArgumentError, match="dates go from 1900-01-01"):
        rl.Surge(every="day").fit(rl.read(far))


def test_a_country_that_never_reports_has_no_score():
    days = [f"{year}-{month:02}-15" for year in (2021, 2022) for month in (2, 5, 8, 11)]
    lines = [
        {"date": day, "hs": code, "origin": "DE", "destination": to, "reported_by": side, "value": value * (1 + k % 3)}
        for k, day in enumerate(days)
        for code in ("8501", "8502", "8503")
        for to, side, value in (
            ("FR", "exporter", 100.0), ("FR", "importer", 108.0), ("PL", "exporter", 70.0), ("PL", "importer", 77.0),
            ("KG", "exporter", 50.0),
        )
    ]  # fmt: skip
    rows = rl.MirrorGap(by=("hs4", "origin", "destination")).fit_score(rl.read(pl.DataFrame(lines))).to_pylist()
    silent = [row for row in rows if row["destination"] == "KG"]
    assert silent
    for row in silent:
        assert row["reason"].startswith("not scored")
        assert (row["score"], row["p_value"], row["direction"]) == (None, None, None)
