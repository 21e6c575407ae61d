"""The test of a flow in `Surge`: honest where nothing happened, and strong where something did.

Rates may exceed their limit by three binomial standard errors of the number of flows drawn.
"""

import datetime as dt

import numpy as np
import polars as pl
import pytest
import redlane as rl

START = np.datetime64("2010-01")


def dependent(rng, flows, n, rho, student=False):
    """First-order autoregressions with unit variance."""
    x = rng.standard_t(4, (flows, n)) / np.sqrt(2) if student else rng.standard_normal((flows, n))
    for t in range(1, n):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


def logs(rng, flows, n, *, sd=0.3, rho=0.0, season=0.0, drift=0.0, walk=0.0, student=False):
    """`walk` is the standard deviation of the steps of a random walk, in those of the noise."""
    t = np.arange(n)
    x = sd * dependent(rng, flows, n, rho, student)
    if walk:
        x += sd * walk * rng.standard_normal((flows, n)).cumsum(axis=1)
    x += season * np.sin(2 * np.pi * t / 12 + rng.uniform(0, 6, (flows, 1)))
    return x + drift * rng.standard_normal((flows, 1)) * (t - n / 2) / n


def busy(log_values):
    """Shipments with one record a month and flow."""
    flows, n = log_values.shape
    flow, month = np.divmod(np.arange(flows * n), n)
    return records(flow, month, np.exp(10 + log_values).ravel())


def thin(rng, flows, n, rate, **more):
    """Shipments of a few lognormal records: many months have none."""
    expected = rate * np.exp(0.7 * rng.standard_normal((flows, 1)) + logs(rng, flows, n, **more))
    counts = rng.poisson(expected)
    flow, month = np.nonzero(counts)
    many = counts[flow, month]
    value = np.exp(8 + rng.standard_normal(many.sum()))
    return records(np.repeat(flow, many), np.repeat(month, many), value)


def records(flow, month, value):
    days = (START + np.asarray(month)).astype("datetime64[D]")
    return rl.read(pl.DataFrame({"flow": np.char.mod("%05d", flow), "date": days, "value": value}), progress=False)


def rows_tested(table):
    """The rows with the p-values of the flows."""
    return table.to_polars().filter(pl.col("p_value").is_not_null()).sort("flow", "period")


def surge(ships, **more):
    rows = rows_tested(rl.Surge(by=("flow",), **more).fit_score(ships))
    assert rows["flow"].is_unique().all()
    return rows


def honest(p, flows):
    for level, limit in [(0.01, 1.3), (0.001, 1.5)]:
        most = limit * level * flows
        assert (p <= level).sum() <= most + 3 * np.sqrt(most), (level, (p <= level).mean())


def found(rows, fdr=0.05):
    return {int(f) for f, q in zip(rows["flow"], rl.fdr(rows["p_value"].to_list()), strict=True) if q <= fdr}


SETTINGS = [
    (24, {"rho": 0.3}),
    (36, {"drift": 0.5, "season": 0.3}),
    (48, {}),
    (48, {"rho": 0.6, "season": 0.3}),
    (60, {"rho": 0.3, "drift": 0.8}),
    (120, {"rho": 0.6}),
    (48, {"student": True}),
    (60, {"rho": 0.6, "student": True, "season": 0.3}),
    (48, {"walk": 0.1}),
    (60, {"walk": 0.3, "season": 0.3}),
    (120, {"walk": 0.3}),
    (48, {"sd": 0.1, "walk": 10.0}),
]


@pytest.mark.parametrize(("n", "setting"), SETTINGS)
def test_busy_flows_without_a_change_have_uniform_p_values(n, setting):
    rng = np.random.default_rng(n)
    p = surge(busy(logs(rng, 2_000, n, **setting)))["p_value"].to_numpy()
    assert len(p) == 2_000
    honest(p, len(p))
    # And not so large that nothing could be found.
    assert (p <= 0.2).mean() > 0.08


@pytest.mark.parametrize(("n", "rate", "setting"), [(36, 0.2, {}), (48, 0.5, {"rho": 0.6}), (60, 1.5, {"season": 0.3})])
def test_thin_flows_without_a_change_have_uniform_p_values(n, rate, setting):
    rng = np.random.default_rng(n)
    p = surge(thin(rng, 2_000, n, rate, **setting))["p_value"].to_numpy()
    honest(p, len(p))


def test_long_tailed_noise_raises_no_flood():
    noise = 0.3 * np.random.default_rng(2).laplace(0, 0.7, (2_000, 48))
    honest(surge(busy(noise))["p_value"].to_numpy(), 2_000)


@pytest.mark.parametrize(("times", "least"), [(2.5, 0.9), (1.6, 0.4)])
def test_shifts_of_busy_flows_are_found(times, least):
    hits, wrong, dated = [], [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        values = np.concatenate([logs(rng, 150, 48, sd=sd, season=0.2) for sd in (0.25, 0.35)])
        changed = rng.choice(300, 12, replace=False)
        starts = rng.integers(14, 35, 12)
        for flow, at, sign in zip(changed, starts, [1, -1] * 6, strict=True):
            values[flow, at:] += sign * np.log(times)
        rows = surge(busy(values))
        some = found(rows)
        hits.append(len(some & set(changed)) / 12)
        wrong.append(len(some - set(changed)) / max(1, len(some)))
        by_flow = dict(rows.select("flow", pl.struct("kind", "period", "direction")).rows())
        for flow, at, sign in zip(changed, starts, [1, -1] * 6, strict=True):
            row = by_flow[f"{flow:05}"]
            if flow in some:
                assert row["direction"] == ("high" if sign > 0 else "low")
                dated.append(abs(int((np.datetime64(row["period"], "M") - START).astype(int)) - at) <= 1)
    assert np.mean(hits) >= least
    assert np.mean(wrong) <= 0.1
    assert np.mean(dated) >= (0.8 if times > 2 else 0.5)


def test_spikes_of_busy_flows_are_found():
    rng = np.random.default_rng(3)
    values = logs(rng, 300, 48, season=0.2)
    changed = rng.choice(300, 10, replace=False)
    for flow, sign in zip(changed, [1, -1] * 5, strict=True):
        values[flow, rng.integers(0, 48)] += sign * np.log(10)
    rows = surge(busy(values))
    some = found(rows)
    assert len(some & set(changed)) >= 7
    assert len(some - set(changed)) <= 1
    kinds = set(rows.filter(pl.col("flow").cast(int).is_in(list(some & set(changed))))["kind"])
    assert kinds <= {"spike", "dip"}


def test_thin_flows_that_become_eight_times_as_busy_are_found():
    rng = np.random.default_rng(4)
    counts = rng.poisson(0.3, (300, 60))
    changed = rng.choice(300, 12, replace=False)
    counts[changed, 30:] = rng.poisson(2.4, (12, 30))
    flow, month = np.nonzero(counts)
    many = counts[flow, month]
    value = np.exp(8 + rng.standard_normal(many.sum()))
    some = found(surge(records(np.repeat(flow, many), np.repeat(month, many), value)))
    assert len(some & set(changed)) >= 9
    assert len(some - set(changed)) <= 2


def test_a_flow_has_one_p_value_and_every_month_a_score():
    rng = np.random.default_rng(5)
    values = logs(rng, 40, 48)
    values[7, 30:] += 2
    table = rl.Surge(by=("flow",)).fit_score(busy(values)).to_polars()
    assert len(table) == 40 * 48
    assert table["score"].is_not_null().all()
    assert table["reason"].is_not_null().all()
    per_flow = table.group_by("flow").agg(pl.col("p_value").count())["p_value"]
    assert (per_flow == 1).all()
    (row,) = table.filter((pl.col("flow") == "00007") & pl.col("p_value").is_not_null()).to_dicts()
    assert (row["kind"], row["period"]) == ("shift", dt.date(2012, 7, 1))
    assert row["p_value"] < 1e-6
    assert row["after"] / row["before"] == pytest.approx(np.exp(2), rel=0.4)


def test_a_shift_is_one_finding_with_the_shipments_of_the_months_it_names():
    rng = np.random.default_rng(5)
    values = logs(rng, 40, 48)
    values[7, 30:] += 2
    values[9, 12] += 3
    ships = busy(values)
    findings = rl.screen(ships, [rl.Surge(by=("flow",))])
    (at,) = [i for i, s in enumerate(findings.table["subject"].to_pylist()) if "00007" in s]
    assert findings.table["subject"][at].as_py() == "flow 00007, 2012-07"
    reason = findings.table["reason"][at].as_py()
    assert "in the 18 months from 2012-07 to 2013-12" in reason
    assert " times" in reason
    rows = findings.rows(at).to_polars()
    assert rows["flow"].unique().to_list() == ["00007"]
    assert rows["date"].sort().to_list() == [
        d.item() for d in (np.datetime64("2012-07") + np.arange(18)).astype("datetime64[D]")
    ]
    (spike,) = [i for i, s in enumerate(findings.table["subject"].to_pylist()) if "00009" in s]
    assert findings.rows(spike).to_polars()["date"].to_list() == [dt.date(2011, 1, 1)]
    assert "in 2011-01" in findings.table["reason"][spike].as_py()


def test_clean_samples_have_no_finding():
    wrong = 0
    for seed in range(5):
        ships = rl.samples.shipments(30_000, seed=seed, plant=False).ships
        for by in (("hs6", "destination"), ("importer",)):
            for measure in ("value", "shipments"):
                p = rl.Surge(by=by, measure=measure).fit_score(ships).to_polars()["p_value"]
                wrong += any(q is not None and q <= 0.05 for q in rl.fdr(p.to_list()))
    assert wrong <= 2


def test_the_statistic_of_a_shift_is_that_of_least_squares():
    """Independent noise, no season, one flow in forty shifted: t of the best step beside the constant."""
    rng = np.random.default_rng(12)
    values = 0.3 * rng.standard_normal((40, 23))
    values[3, 9:] += 1.2
    row = next(r for r in surge(busy(values)).to_dicts() if r["flow"] == "00003")
    assert row["kind"] == "shift"
    x, best = values[3] + 10 - np.log(1), 0
    for at in range(3, 21):
        design = np.column_stack([np.ones(23), np.arange(23) >= at])
        beta, rest, *_ = np.linalg.lstsq(design, x, rcond=None)
        best = max(best, abs(beta[1]) / np.sqrt(rest[0] / 21 * np.linalg.inv(design.T @ design)[1, 1]))
    # One standard error of the common dependence makes it smaller.
    assert 0.75 * best < row["score"] < 1.1 * best


@pytest.mark.parametrize("setting", [{}, {"rho": 0.5, "season": 0.3}])
def test_new_months_are_compared_with_the_fit_honestly(setting):
    rng = np.random.default_rng(6)
    values = logs(rng, 2_000, 60, **setting)
    changed = np.arange(0, 200, 10)
    spiked = values.copy()
    spiked[changed, 55] += np.log(8)
    history = busy(values[:, :48])
    fit = rl.Surge(by=("flow",)).fit(history)
    flow, month = np.divmod(np.arange(2_000 * 12), 12)
    for made in (values, spiked):
        rows = rows_tested(fit.score(records(flow, 48 + month, np.exp(10 + made[:, 48:]).ravel())))
        assert rows["flow"].is_unique().all()
        assert len(rows) == 2_000
        if made is values:
            honest(rows["p_value"].to_numpy(), 2_000)
        else:
            some = rows.filter(pl.col("flow").cast(int).is_in(changed))
            assert (some["p_value"] < 0.01).mean() >= 0.8
            assert (some["period"] == dt.date(2014, 8, 1)).mean() >= 0.8
    # History and new months together: a p-value for each of the two.
    both = rows_tested(fit.score(busy(values)))
    assert both.group_by("flow").len()["len"].eq(2).all()
    own = rows_tested(fit.score(history))
    assert both.filter(pl.col("period") < dt.date(2014, 1, 1))["p_value"].equals(own["p_value"])


def test_the_order_of_rows_changes_no_bit():
    rng = np.random.default_rng(7)
    ships = thin(rng, 300, 48, 0.8)
    frame = ships.to_polars()
    mixed = rl.read(frame.sample(fraction=1.0, shuffle=True, seed=1), progress=False)
    first, second = (rl.Surge(by=("flow",)).fit_score(s).to_polars() for s in (ships, mixed))
    assert first.equals(second)


def test_permutations_agree_with_those_of_numpy():
    # One flow of single records among others like it: the largest step against 100,000 permutations.
    rng = np.random.default_rng(8)
    counts = (rng.random((200, 48)) < 0.25).astype(int)
    counts[3] = 0
    counts[3, [5, 17, 34, 36, 37, 39, 40, 42, 45, 46]] = 1
    flow, month = np.nonzero(counts)
    ships = records(flow, month, np.full(len(flow), 1000.0))
    row = next(r for r in surge(ships).to_dicts() if r["flow"] == "00003")
    active = counts[3].astype(float)
    at = np.arange(3, 46)

    def largest(x):
        cut = np.cumsum(x - x.mean(axis=1, keepdims=True), axis=1)[:, at - 1]
        return np.abs(cut / np.sqrt(at * (48 - at) / 48)).max(axis=1)

    permuted = rng.permuted(np.repeat(active[None], 100_000, axis=0), axis=1)
    exact = (largest(permuted) >= largest(active[None]) - 1e-9).mean()
    # The test of a single period is the other half of the p-value, and dependence is estimated.
    assert 0.5 * exact < row["p_value"] < 6 * exact


def test_flows_that_are_constant_or_short_have_no_surprise():
    flat = surge(busy(np.zeros((30, 24))))
    assert len(flat) == 0 or flat["p_value"].min() > 0.5
    values = np.zeros((30, 36))
    values[4, 20:] = 1
    rows = surge(busy(values))
    assert found(rows) == {4}
