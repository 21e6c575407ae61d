"""MirrorGap and Diversion are calibrated on flows of many kinds, and find what is planted."""

import datetime as dt
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import redlane as rl

sys.path.insert(0, str(Path(__file__).parent))
import made_flows as made

CELL = ["hs6", "origin", "destination", "period"]
ROUTE = ["origin", "destination"]


def table(detector, frame):
    return detector.fit_score(rl.read(frame)).to_polars()


def check_null(tables, more=(1.3, 1.5)):
    """Small p-values are no more frequent than they should be; three binomial standard errors are allowed."""
    p = pl.concat([t["p_value"] for t in tables]).drop_nulls().to_numpy()
    assert len(p) > 500
    for level, times in zip((0.01, 0.001), more, strict=True):
        share, error = (p < level).mean(), np.sqrt(level / len(p))
        assert share <= times * level + 3 * error, (level, share / level)


def found(scores, truth, on):
    """False discoveries, true discoveries and planted cells in the table, at a false discovery rate of 0.05."""
    hit = np.array([q is not None and q <= 0.05 for q in rl.fdr(scores["p_value"].to_list())])
    true = np.zeros(len(scores), bool)
    true[scores.with_row_index().join(truth.select(on).unique(), on=on)["index"].to_numpy()] = True
    return (hit & ~true).sum(), (hit & true).sum(), true.sum()


def check_found(results, power, rate=0.07):
    """The realised rate is the mean over data sets; one false discovery among all is allowed beyond it."""
    false, right, planted = (np.array(x) for x in zip(*results, strict=True))
    realised = np.mean(false / np.maximum(1, false + right))
    assert realised <= rate + 1 / max(1, (false + right).sum()), realised
    assert right.sum() / planted.sum() >= power, right.sum() / planted.sum()


# MirrorGap


RECORDS = {
    "perfect": {"scatter": 0.0},
    "scattered": {"scatter": 0.3, "law": "student"},
    "heavy": {"scatter": 0.1, "value": "pareto", "missing": 0.08},
}
STATISTICS = {"normal": {"scatter": 0.15}, "laplace": {"scatter": 0.4, "law": "laplace", "missing": 0.01}}


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_gaps_of_records_without_errors(name):
    tables = [
        table(rl.MirrorGap(), made.mirrored_records(np.random.default_rng(s), **RECORDS[name])[0]) for s in (1, 2)
    ]
    check_null(tables)


@pytest.mark.parametrize("name", sorted(STATISTICS))
def test_gaps_of_statistics_without_errors(name):
    made_ = made.mirrored_statistics(np.random.default_rng(1), **STATISTICS[name])
    check_null([table(rl.MirrorGap(every="month"), made_[0])])


@pytest.mark.parametrize("options", [{"scatter": 0.0, "dropped": 0.0}, {"law": "laplace"}, {"late": False}], ids=str)
def test_gaps_of_customs_without_errors(options):
    tables = [table(rl.MirrorGap(), made.customs(np.random.default_rng(s), **options)[0]) for s in (1, 2, 3)]
    check_null(tables)
    # Late reports and single records that are missing are no findings either.
    assert sum(found(scores, scores.head(0), CELL)[0] for scores in tables) == 0


def test_a_late_report_is_no_gap():
    """One report in a flow of many is 80 days late: it is missing in one quarter, and too much in the next."""
    rng = np.random.default_rng(4)
    frame, _ = made.customs(rng, scatter=0.0, dropped=0.0, late=False)
    days = [dt.date(2021, 2, 1) + dt.timedelta(30 * k) for k in range(20)]
    late = [dt.timedelta(80 if k == 4 else 15) for k in range(20)]
    for name, moved in (("late", True), ("short", False)):
        rows = [("999999", "C0", "C1", day, 5_000.0, "exporter") for day in days]
        for k, (day, lag) in enumerate(zip(days, late, strict=True)):
            value = 1.0 if k == 4 and not moved else 5_000.0
            rows.append(("999999", "C0", "C1", day + (lag if moved else dt.timedelta(15)), value, "importer"))
        one = pl.DataFrame(rows, schema=frame.columns, orient="row")
        scores = table(rl.MirrorGap(), pl.concat([frame, one], how="vertical_relaxed")).filter(hs6="999999")
        assert (scores["p_value"].min() > 0.05) == moved, name
        assert scores["reason"].str.contains("neighbouring period").any() == moved


def test_whole_flows_that_are_missing_are_leads_and_not_findings():
    scores = table(rl.MirrorGap(), made.mirrored_records(np.random.default_rng(3), scatter=0.0, missing=0.05)[0])
    one_sided = scores.filter(pl.col("class") != "both")
    assert len(one_sided) > 200
    assert one_sided["p_value"].min() > 0.0001
    assert found(scores, scores.head(0), CELL)[0] == 0


def test_gaps_between_equal_reports_are_found():
    frame, truth = made.customs(np.random.default_rng(3), scatter=0.0, dropped=0.0, late=False, planted=0.01)
    check_found([found(table(rl.MirrorGap(), frame), truth, CELL)], power=0.5)


def test_gaps_are_found():
    records = [made.mirrored_records(np.random.default_rng(s), scatter=0.1, planted=0.003) for s in (100, 101)]
    check_found([found(table(rl.MirrorGap(), made_[0]), made_[1], CELL) for made_ in records], power=0.4)
    frame, truth, _ = made.mirrored_statistics(np.random.default_rng(100), scatter=0.15, planted=0.005)
    check_found([found(table(rl.MirrorGap(every="month"), frame), truth, CELL)], power=0.7)


@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_routes_without_a_change(memory):
    made_ = [made.mirrored_statistics(np.random.default_rng(s), memory=memory, law="student")[0] for s in range(6)]
    check_null([table(rl.MirrorGap(every="month", test="change"), frame) for frame in made_])


def test_goods_that_one_side_never_reports_are_no_change():
    """As they grow they move the ratio of the totals of a route; a fifth of the flows are such."""
    made_ = [made.mirrored_statistics(np.random.default_rng(s), missing=0.2)[0] for s in range(5)]
    tables = [table(rl.MirrorGap(every="quarter", test="change"), frame) for frame in made_]
    check_null(tables)
    assert sum(found(scores, scores.head(0), ROUTE)[0] for scores in tables) <= 1


def test_changes_of_routes_are_found_and_dated():
    results, months = [], []
    for s in range(3):
        frame, _, truth = made.mirrored_statistics(np.random.default_rng(s), memory=0.3, moved=0.05, move=1.58)
        scores = table(rl.MirrorGap(every="month", test="change"), frame)
        results.append(found(scores, truth, ROUTE))
        both = scores.join(truth, on=ROUTE, suffix="_true")
        months += (both["since"] - both["since_true"]).dt.total_days().abs().to_list()
        assert (both["change"] - both["common_change"]).abs().is_between(1.0, 2.2).mean() > 0.7
    check_found(results, power=0.8)
    assert np.median(months) <= 31


def test_a_change_in_real_exports(data):
    """Real exports of the members of the EU; imports that follow them, except that of the goods for Armenia only a fifth
    arrives from March 2022 on."""
    (path,) = (data / "eurostat_russia_neighbours").glob("*.csv")
    frame = pl.read_csv(path).filter(
        (pl.col("flow") == "EXPORT") & ~pl.col("reporter").str.contains("European Union|Euro area|United Kingdom")
    )
    rng = np.random.default_rng(0)
    ghost = (pl.col("partner") == "Armenia") & (pl.col("period") >= "2022-03")
    exports = frame.select(
        "period",
        origin="reporter",
        destination="partner",
        value=pl.col("value_eur").cast(float),
        reported_by=pl.lit("exporter"),
    )
    kept = frame.select(pl.when(ghost).then(np.exp(-1.58)).otherwise(1.0)).to_series()
    scatter = np.exp(rng.normal(0.06, 0.4, len(frame)))
    imports = exports.with_columns(value=pl.col("value") * kept * scatter, reported_by=pl.lit("importer"))
    detector = rl.MirrorGap(by=("origin", "destination"), every="month", test="change")
    ships = rl.read(pl.concat([exports, imports]), columns={"date": "period"})
    scores = detector.fit_score(ships).to_polars()
    q = np.array([np.nan if q is None else q for q in rl.fdr(scores["p_value"].to_list())])
    moved = (scores["destination"] == "AM").to_numpy()
    assert (q[moved] <= 0.05).mean() > 0.6
    assert (q[~moved] <= 0.05).sum() <= 2
    busiest = scores.filter((pl.col("origin") == "DE") & (pl.col("destination") == "AM")).to_dicts()[0]
    assert busiest["direction"] == "low"
    assert busiest["change"] == pytest.approx(-1.58, abs=0.4)
    assert str(busiest["since"])[:4] == "2022"
    assert len(busiest["export_series"]) == 68


def test_the_test_of_changes_merges_and_says_why_not():
    frame, _, _ = made.mirrored_statistics(np.random.default_rng(1), moved=0.1)
    ships = rl.read(frame)
    detector = rl.MirrorGap(every="quarter", test="change")
    whole = detector.fit_score(ships).to_polars()
    halves = [ships.rows(list(range(k, len(ships), 2))) for k in (0, 1)]
    merged = detector.fit(halves[0]).merge(rl.MirrorGap(every="quarter", test="change").fit(halves[1]))
    assert merged.score(ships).to_polars().equals(whole)
    mixed = rl.read(frame.sample(fraction=1.0, shuffle=True, seed=1))
    assert detector.fit_score(mixed).to_polars().equals(whole)
    short = detector.fit_score(ships.where(date=rl.between("2019-01", "2019-12"))).to_pylist()
    assert {row["p_value"] for row in short} == {None}
    assert "fewer than 8" in short[0]["reason"]
    with pytest.raises(rl.errors.ArgumentError, match=r'test="both" is not known; use "gap" or "change"'):
        rl.MirrorGap(test="both").fit(ships)


# Diversion


def diversion():
    return rl.Diversion(target="TT", event="2022-03-01", origins=("OA", "OB", "OC"))


@pytest.mark.parametrize("options", [{}, {"share": 0.5}, {"value": "pareto"}], ids=str)
def test_a_fall_of_direct_trade_alone_is_no_diversion(options):
    check_null([table(diversion(), made.sanctioned(np.random.default_rng(s), **options)[0]) for s in (1, 2)])


@pytest.mark.parametrize("options", [{}, {"jumps": 0.0, "law": "normal"}], ids=str)
def test_flows_that_grow_by_themselves_are_no_diversion(options):
    detector = rl.Diversion(target="TT", event="2022-03-01", origins=("OO",))
    check_null([table(detector, made.rerouted(np.random.default_rng(s), **options)[0]) for s in (1, 2)])


def test_diversion_is_found():
    results = []
    for s in (1, 2, 3):
        frame, truth = made.sanctioned(np.random.default_rng(s), planted=0.04)
        results.append(found(table(diversion(), frame), truth, ["hs6", "through"]))
    check_found(results, power=0.2)


def test_exports_of_members_go_round(data):
    (path,) = (data / "eurostat_russia_neighbours").glob("*.csv")
    frame = pl.read_csv(path).filter(
        (pl.col("flow") == "EXPORT") & ~pl.col("reporter").str.contains("European Union|Euro area|United Kingdom")
    )
    detector = rl.Diversion(target="Russian Federation", event="2022-02-24", by=("reporter",))
    scores = detector.fit_score(rl.read(frame)).to_polars()
    first = scores.sort("p_value", "score", descending=[False, True]).head(15)
    assert first["through"].is_in(["KG", "AM", "KZ"]).mean() >= 0.8
    # Each p-value counts placebos that do not overlap: one for each member and neighbour.
    placebos = int(scores["placebos"].max())
    assert 100 < placebos <= len(scores)
    counted = scores["p_value"].to_numpy() * (placebos + 1)
    assert np.allclose(counted, counted.round())
    assert scores["p_value"].min() <= 3 / (placebos + 1)
