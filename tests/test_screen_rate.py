"""The error rate of the screen: one p-value for each subject, families of tests, local rates, the order of findings."""

import numpy as np
import polars as pl
import pytest
import redlane as rl
from redlane.findings import _untested
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression


def simes(p):
    """One p-value for each row of a matrix."""
    tests = p.shape[1]
    return (np.sort(p, axis=1) * tests / np.arange(1, tests + 1)).min(axis=1)


def bh(p):
    """q-values of Benjamini and Hochberg."""
    order = np.argsort(p, kind="stable")
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    return q


def bogomolov(families, rate):
    """The procedure of Benjamini and Bogomolov as the paper states it: which tests of each family are rejected."""
    within = [bh(p) for p in families]
    selected = bh(np.array([simes(p[None])[0] for p in families])) <= rate
    return [chosen & (q <= rate * selected.sum() / len(families)) for chosen, q in zip(selected, within, strict=True)]


def simulated(rng, signal, detectors, correlation):
    """p-values of several detectors that look at the same shipments, clustered within firms, and of two of flows,
    clustered within flows. Returns those of each test, and which subjects have a signal."""
    firms, per, flows, months = 40, 20, 100, 12
    firm = np.repeat(np.arange(firms), per)

    def clustered():
        return np.sqrt(correlation) * rng.normal(size=firms)[firm] + np.sqrt(1 - correlation) * rng.normal(
            size=len(firm)
        )

    shared = clustered()
    made = []
    for detector in range(detectors):
        if detector < detectors - 2:
            z = np.sqrt(0.5) * shared + np.sqrt(0.5) * clustered()
            true = (rng.random(len(firm)) < 0.02) & (detector in signal)
            made.append((norm.sf(z + 4.5 * true)[:, None], true))
        else:
            z = np.sqrt(correlation) * rng.normal(size=(flows, 1)) + np.sqrt(1 - correlation) * rng.normal(
                size=(flows, months)
            )
            true = (rng.random(flows) < 0.08) & (detector in signal)
            made.append((norm.sf(z + 4.5 * np.outer(true, np.arange(months) >= months - 3)), true))
    return made


@pytest.mark.parametrize(
    ("signal", "detectors", "correlation"),
    [((0,), 5, 0.5), ((), 5, 0.5), ((3,), 5, 0.5), ((0,), 12, 0.9), ((), 12, 0.9), ((0, 1, 2, 3, 4), 5, 0.5)],
)
def test_the_pooled_list_keeps_the_rate(signal, detectors, correlation):
    # The standard error over 200 data sets is at most 0.016 (no signal: the rate is a share of data sets). The same
    # seed is used each time. The mean rates are between 0.015 and 0.05 with 400 data sets.
    rng = np.random.default_rng(1)
    rates, rates_before, found, wanted = [], [], 0, 0
    for _ in range(200):
        made = simulated(rng, signal, detectors, correlation)
        p = [simes(tests) for tests, _ in made]
        true = np.concatenate([true for _, true in made])
        q = rl.fdr(np.concatenate(p), families=np.repeat(np.arange(detectors), [len(x) for x in p]))
        listed = q <= 0.05
        rates.append((listed & ~true).sum() / max(listed.sum(), 1))
        found += (listed & true).sum()
        wanted += true.sum()
        # Every row a subject, each detector by itself.
        each = [(bh(tests.ravel()) <= 0.05, np.repeat(true, tests.shape[1])) for tests, true in made]
        false = sum((rows & ~true).sum() for rows, true in each)
        rates_before.append(false / max(sum(rows.sum() for rows, _ in each), 1))
    assert np.mean(rates) <= 0.06
    if signal:
        assert found / wanted > 0.65
    else:
        assert np.mean(rates_before) > 0.09


def test_families_are_those_of_the_paper():
    rng = np.random.default_rng(3)
    for _ in range(50):
        families = [rng.random(rng.integers(1, 40)) ** rng.integers(1, 6) for _ in range(rng.integers(1, 8))]
        labels = np.repeat(np.arange(len(families)), [len(p) for p in families])
        q = rl.fdr(np.concatenate(families), families=labels)
        for rate in (0.01, 0.05, 0.2, 0.5):
            assert ((q <= rate) == np.concatenate(bogomolov(families, rate))).all()
    # One family is plain Benjamini and Hochberg; a family without tests does not count.
    p = [0.01, None, 0.04]
    assert rl.fdr(p, families=["a", "b", "a"]) == rl.fdr(p)
    assert rl.fdr(pl.Series([0.01, 0.5]), families=pl.Series(["a", "b"])).to_list() == [0.02, 0.5]
    with pytest.raises(rl.errors.ArgumentError, match="2 p-values, but 1 families"):
        rl.fdr([0.1, 0.2], families=["a"])
    with pytest.raises(rl.errors.ArgumentError, match='method="bh"'):
        rl.fdr([0.1, 0.2], "by", families=["a", "a"])
    with pytest.raises(rl.errors.WrongTypeError, match="families"):
        rl.fdr([0.1, 0.2], families="ab")


@pytest.fixture(scope="module")
def ships():
    return rl.samples.shipments(40_000, seed=2).ships


DETECTORS = (rl.UnitValue, rl.ValueWeight, rl.Surge, rl.Rarity)


@pytest.fixture(scope="module")
def findings(ships):
    return rl.screen(ships, [make() for make in DETECTORS], fdr=0.2)


def test_a_finding_is_listed_at_its_q_value(ships, findings):
    table = findings.table.to_polars()
    assert len(table) > 0
    assert table["q_value"].max() <= 0.2
    for rate in (0.001, 0.05):
        again = rl.screen(ships, [make() for make in DETECTORS], fdr=rate).table.to_polars().drop("finding")
        assert again.equals(table.filter(pl.col("q_value") <= rate).drop("finding"))


def test_findings_are_those_of_the_score_tables(ships, findings):
    families = []
    for make in DETECTORS:
        scores = make().fit_score(ships).to_polars().filter(pl.col("p_value").is_not_null())
        flow = ["hs6", "destination"] if make is rl.Surge else ["row"]
        by_flow = scores.group_by(flow).agg("p_value")["p_value"].to_list()
        families.append(np.array([simes(np.array(p)[None])[0] for p in by_flow]))
    expected = bogomolov(families, 0.2)
    for make, p, chosen in zip(DETECTORS, families, expected, strict=True):
        table = findings.table.to_polars().filter(pl.col("detector") == make.__name__)
        assert sorted(table["p_value"].to_list()) == pytest.approx(sorted(p[chosen].tolist()), rel=1e-12)


def test_a_flow_is_one_finding(ships):
    found = rl.screen(ships, [rl.Surge(by=("hs2",))], fdr=0.9).table.to_polars()
    flows = found["subject"].str.replace(r", [^,]*$", "")
    assert len(found) > 3
    assert flows.n_unique() == len(found)


def test_local_rates_are_those_of_the_decreasing_density(ships, findings):
    p = np.sort(rl.UnitValue().fit_score(ships).to_polars()["p_value"].drop_nulls().to_numpy())
    # The slope of the least concave line above the distribution is the decreasing regression of the heights between
    # neighbouring p-values, weighted by their distances.
    ends, counts = np.unique(np.append(p, 1.0), return_counts=True)
    counts[-1] -= 1
    gaps = np.diff(np.append(0.0, ends))
    keep = gaps > 0
    height = counts[keep] / len(p) / gaps[keep]
    density = IsotonicRegression(increasing=False).fit_transform(ends[keep], height, sample_weight=gaps[keep])
    share = min(1.0, (1 + (p > 0.5).sum()) / (0.5 * len(p)))
    table = findings.table.to_polars().filter(pl.col("detector") == "UnitValue")
    at = np.searchsorted(ends[keep], table["p_value"].to_numpy())
    assert len(table) > 20
    assert table["local_fdr"].to_numpy() == pytest.approx(np.minimum(share / density[at], 1.0), rel=1e-6)


def test_the_order_is_that_of_likely_truth_times_stake(findings):
    table = findings.table.to_polars()
    weight = ((1 - table["local_fdr"]) * table["stake_share"].fill_null(0.0)).to_numpy()
    assert (np.diff(weight) <= 0).all()
    assert table["stake_share"].drop_nulls().is_between(0, 1).all()
    line = table.filter(pl.col("detector") == "UnitValue").row(0, named=True)
    weight = line["value"] / line["observed"]
    assert line["stake_share"] * findings.ships.to_polars()["value"].sum() == pytest.approx(
        abs(line["value"] - line["expected"] * weight)
    )


@pytest.mark.parametrize("unit", [{"value": 1000.0}, {"net_weight": 1e-3}, {"value": 0.01, "net_weight": 1000.0}])
def test_the_unit_does_not_change_the_order(ships, unit):
    def order(frame):
        chosen = [rl.UnitValue(), rl.ValueWeight(), rl.UnitValue(measure="value/quantity")]
        return rl.screen(rl.read(frame), chosen, fdr=0.1).table.to_polars().select("detector", "subject")

    frame = ships.to_polars()
    before = order(frame)
    assert len(before) > 20
    assert order(frame.with_columns([pl.col(name) * by for name, by in unit.items()])).equals(before)


def test_a_shipment_pays_for_all_its_tests(ships, findings):
    table = findings.by_shipment().to_polars()
    smallest = {}
    for i, p in enumerate(findings.table["p_value"].to_pylist()):
        for row in findings.rows(i).to_polars()["id"].to_list() if len(smallest) < 2_000 else []:
            smallest[row] = min(p, smallest.get(row, 1.0))
    ids = ships.to_polars()["id"].to_list()
    combined = {ids[row]: p for row, p in zip(table["row"].to_list(), table["p_value"].to_list(), strict=True)}
    checked = [row for row in combined if row in smallest]
    assert len(checked) > 20
    for row in checked:
        assert combined[row] <= min(1.0, len(DETECTORS) * smallest[row]) * (1 + 1e-12)
    # A detector without findings counts as well.
    alone = rl.screen(ships, [rl.UnitValue()])
    beside = rl.screen(ships, [rl.UnitValue(), rl.Digits()])
    one, two = alone.by_shipment().to_polars(), beside.by_shipment().to_polars()
    both = one.join(two, on="row", suffix="_two")
    assert len(both) > 5
    assert (both["p_value_two"] >= both["p_value"]).all()


def test_detectors_without_p_values_are_told(ships):
    some = rl.read(ships.to_polars().head(500))
    few = rl.screen(some, [rl.UnitValue(min_peers=10_000, backoff=())])
    assert few.notes == ["UnitValue scored nothing; the column reason of rl.UnitValue(...).fit_score(ships) says why"]
    assert len(few) == 0
    # Isolation ranks without history; whether it has p-values or not, the note agrees with them.
    scores = rl.Isolation().fit_score(some)
    found = rl.screen(some, [rl.Isolation()])
    without = all(p is None for p in scores["p_value"].to_pylist())
    assert found.notes == ([_untested(rl.Isolation(), True)] if without else [])
    assert "ranking" in _untested(rl.Isolation(), True)
