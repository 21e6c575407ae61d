"""FirmPrices: honest firms are seldom named, firms that shave their prices are found."""

import numpy as np
import polars as pl
import pytest
import redlane as rl
from scipy import stats

EFFECTS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "laplace": lambda rng, n: rng.laplace(size=n) / np.sqrt(2),
    "skewed": lambda rng, n: (rng.gamma(2, 1, n) - 2) / np.sqrt(2),
}
NOISE = {**EFFECTS, "student": lambda rng, n: rng.standard_t(4, n) / np.sqrt(2)}


def trade(seed, noise="normal", effects="normal", between=0.06, products=0.1, rows=60_000, firms=1_200, **given):
    """Firms of Zipf sizes with levels of their own, and products with levels of their own; which firms cheat.

    `cheat` is a share of the firms with 20 shipments or more, `part` the share of their shipments, `factor` what is
    declared. `scatter` lets some firms scatter more than others, `errors` is a share of shipments with a wrong unit.
    """
    rng = np.random.default_rng(seed)
    size = 1 / np.arange(1, firms + 1) ** 0.8
    firm = rng.choice(firms, rows, p=size / size.sum())
    popular = 1 / np.arange(1, 201) ** 0.7
    offer = rng.choice(200, (firms, 6), p=popular / popular.sum())
    group = offer[firm, (rng.random(rows) ** 1.5 * rng.integers(1, 7, firms)[firm]).astype(int)]
    own = np.exp(given.get("scatter", 0.0) * rng.normal(size=firms))
    x = 2 * np.sin(1.7 * group) + 0.3 * own[firm] * NOISE[noise](rng, rows)
    x += between * EFFECTS[effects](rng, firms)[firm] + products * rng.normal(size=(firms, 200))[firm, group]
    wrong = rng.random(rows) < given.get("errors", 0.0)
    x += np.where(wrong, np.log(1_000) * rng.choice([-1, 1], rows), 0)
    cheats = np.zeros(firms, bool)
    able = np.flatnonzero(np.bincount(firm, minlength=firms) >= 20)
    cheats[rng.choice(able, int(given.get("cheat", 0) * firms), replace=False)] = True
    touched = cheats[firm] & (rng.random(rows) < given.get("part", 1.0))
    x += np.where(touched, np.log(given.get("factor", 1.0)), 0)
    weight = np.exp(rng.normal(4, 1, rows))
    frame = pl.DataFrame(
        {
            "hs": [f"{1000 + g // 3:04}{g % 100:02}" for g in group],
            "origin": np.where(group % 2, "CN", "DE"),
            "importer": [f"F{f:05}" for f in firm],
            "value": weight * np.exp(x),
            "net_weight": weight,
        }
    )
    return rl.read(frame), {f"F{f:05}" for f in np.flatnonzero(cheats)}


def scored(ships, **params):
    return rl.FirmPrices(**params).fit_score(ships).to_polars().filter(pl.col("score").is_not_null())


def average_precision(score, wanted):
    hits = np.asarray(wanted)[np.argsort(-np.asarray(score), kind="stable")]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


def found(table, column="p_value"):
    q = rl.fdr(table[column].to_list())
    return np.array([value <= 0.05 for value in q])


WORLDS = {
    "normal": {},
    "normal, one product each": {"products": 0.0, "noise": "student"},
    "laplace firms": {"effects": "laplace"},
    "skewed firms, wrong units": {"effects": "skewed", "noise": "student", "errors": 0.005},
    "very different firms": {"effects": "laplace", "between": 0.15, "noise": "skewed"},
    "some firms scatter more": {"scatter": 0.4, "noise": "student"},
}


@pytest.mark.parametrize("world", WORLDS)
def test_honest_firms_are_seldom_named(world):
    p = np.concatenate([scored(trade(seed, **WORLDS[world])[0])["p_value"].to_numpy() for seed in range(3)])
    assert len(p) > 2_500
    for level, most in ((0.01, 1.3), (0.001, 1.5)):
        doubt = 2.5 * np.sqrt(most * level / len(p))
        assert (p < level).mean() <= most * level + doubt, (world, level, (p < level).mean() / level)


def test_the_better_half_of_the_p_values_is_not_too_large():
    # A test that is never significant would be honest too.
    p = np.concatenate([scored(trade(seed)[0])["one_sided_p"].to_numpy() for seed in range(3)])
    assert 0.8 < (p < 0.2).mean() / 0.2 < 1.2
    assert (p < 0.05).mean() > 0.6 * 0.05


@pytest.mark.parametrize(("part", "factor", "least"), [(1.0, 0.75, 0.8), (0.5, 0.65, 0.5)])
def test_firms_that_shave_are_found_and_their_shipments_are_not(part, factor, least):
    firms, single = [], []
    for seed in (11, 12):
        ships, cheats = trade(seed, between=0.03, products=0.0, cheat=0.02, part=part, factor=factor)
        table = scored(ships)
        wanted = table["importer"].is_in(sorted(cheats)).to_numpy()
        assert wanted.sum() > 20
        firms.append(average_precision(table["score"], wanted))
        best = (
            rl.UnitValue()
            .fit_score(ships)
            .to_polars()
            .with_columns(importer=ships.to_polars()["importer"])
            .group_by("importer")
            .agg(pl.col("score").max().alias("best"))
        )
        best = table.select("importer").join(best, on="importer", how="left", maintain_order="left")
        single.append(average_precision(best["best"], wanted))
    assert np.mean(firms) >= least
    assert np.mean(single) < 0.25


@pytest.mark.parametrize("cheat", [0.01, 0.02, 0.05])
def test_false_discoveries_stay_few(cheat):
    false = named = 0
    for seed in (21, 22):
        ships, cheats = trade(seed, between=0.03, products=0.03, cheat=cheat, factor=0.7)
        table = scored(ships)
        named_here = table.filter(found(table))
        assert set(named_here["direction"]) <= {"low", "high"}
        named += len(named_here)
        false += (~named_here["importer"].is_in(sorted(cheats))).sum()
    assert named >= 5
    assert false <= 1 + 0.07 * named


def test_a_few_extreme_shipments_are_found():
    # A tenth of the shipments at 30 % of the price: the sum of all scores hides them.
    extremes, sums, false = [], [], 0
    for seed in (31, 32):
        ships, cheats = trade(seed, cheat=0.02, part=0.1, factor=0.3, errors=0.003)
        table = scored(ships)
        wanted = table["importer"].is_in(sorted(cheats)).to_numpy()
        extremes.append(average_precision(-np.log(table["higher_criticism_p"]), wanted))
        sums.append(average_precision(-np.log(table["one_sided_p"]), wanted))
        named = table.filter(found(table))
        false += (~named["importer"].is_in(sorted(cheats))).sum()
        assert table.filter(pl.Series(wanted)).sort("p_value")["p_value"][0] < 1e-3
        few = named.filter(pl.col("higher_criticism_p") < pl.col("one_sided_p"))
        assert few["reason"].str.starts_with("a few extreme prices").all()
        assert (few["direction"] == "low").all()
    assert np.mean(extremes) > 0.45
    assert np.mean(sums) < 0.2
    assert false <= 1


def changed(ships, rows, factor):
    frame = ships.to_polars()
    return rl.read(frame.with_columns(value=pl.when(rows).then(pl.col("value") * factor).otherwise(pl.col("value"))))


def test_one_wrong_unit_does_not_make_a_firm():
    ships, _ = trade(41)
    frame = ships.to_polars()
    firm = frame["importer"].value_counts().filter(pl.col("count").is_between(20, 40)).sort("importer")["importer"][0]
    row = (frame["importer"] == firm) & (frame["importer"] == firm).cum_sum().eq(1)
    before, after = (
        scored(s).filter(pl.col("importer") == firm).row(0, named=True) for s in (ships, changed(ships, row, 1e-3))
    )
    assert before["p_value"] > 0.2
    assert after["p_value"] > 0.1


def test_a_firm_is_not_its_own_peer():
    # One firm holds 80 % of a group and declares half of what others do.
    ships, _ = trade(51, between=0.03, products=0.0)
    frame = ships.to_polars()
    rng = np.random.default_rng(1)
    n, mine = 500, 400
    weight = np.exp(rng.normal(4, 1, n))
    price = 3 + 0.2 * rng.normal(size=n) + np.where(np.arange(n) < mine, np.log(0.5), 0)
    extra = pl.DataFrame(
        {
            "hs": ["990101"] * n,
            "origin": ["CN"] * n,
            "importer": ["Large"] * mine + [f"S{i % 5}" for i in range(n - mine)],
            "value": weight * np.exp(price),
            "net_weight": weight,
        }
    )
    table = scored(rl.read(pl.concat([frame, extra])))
    large = table.filter(pl.col("importer") == "Large").row(0, named=True)
    assert large["observed"] == pytest.approx(0.5, rel=0.05)
    assert large["n_peers"] == n - mine
    assert "its own" in large["caution"]
    assert large["direction"] == "low"
    # The value at the prices of others is about twice what was declared.
    declared = extra.filter(pl.col("importer") == "Large")["value"].sum()
    assert large["value_gap"] == pytest.approx(-declared, rel=0.1)


def test_numbers_by_hand():
    # The median, the share below and the gap do not depend on the model.
    ships, _ = trade(61, rows=20_000, firms=300)
    frame = ships.to_polars().with_columns(x=(pl.col("value") / pl.col("net_weight")).log())
    row = max(scored(ships, by=("hs",), backoff=(), min_peers=5).to_dicts(), key=lambda r: r["shipments"])
    off, gap = [], 0.0
    for (_hs,), part in frame.group_by("hs"):
        mine, others = (part.filter((pl.col("importer") == row["importer"]) == own) for own in (True, False))
        if len(mine) and len(others) >= 5:
            usual = (others if len(mine) > 0.1 * len(part) else part)["x"].median()
            off.append(mine["x"] - usual)
            gap += (mine["value"] - mine["net_weight"] * np.exp(usual)).sum()
    off = np.concatenate(off)
    assert row["shipments"] == len(off)
    assert row["observed"] == pytest.approx(np.exp(np.median(off)), rel=1e-9)
    assert row["share_below"] == pytest.approx((off < 0).mean(), rel=1e-12)
    assert row["value_gap"] == pytest.approx(gap, rel=1e-9)


def test_findings_hold_all_shipments_of_the_firm():
    ships, _ = trade(71, between=0.03, products=0.0, cheat=0.02, factor=0.5)
    findings = rl.screen(ships, rl.FirmPrices())
    assert len(findings) > 3
    frame = ships.to_polars()
    for i, row in enumerate(findings.top(5).to_pylist()):
        firm = row["subject"].removeprefix("importer ")
        assert len(findings.rows(i)) == (frame["importer"] == firm).sum()
        assert set(findings.rows(i).to_polars()["importer"]) == {firm}
        assert "% below" in row["reason"]


def test_new_shipments_are_compared_with_the_history():
    ships, cheats = trade(81, between=0.03, products=0.0, cheat=0.02, factor=0.6)
    detector = rl.FirmPrices().fit(ships)
    frame = ships.to_polars()
    firm = max(sorted(cheats), key=lambda f: (frame["importer"] == f).sum())
    alone = rl.read(frame.filter(pl.col("importer") == firm))
    one = detector.score(alone).to_pylist()[0]
    whole = next(r for r in detector.score(ships).to_pylist() if r["importer"] == firm)
    assert one == whole
    # Under another name the same shipments are those of a new firm; the fitted ones are now peers.
    new = rl.read(frame.filter(pl.col("importer") == firm).with_columns(importer=pl.lit("New")))
    assert detector.score(new).to_pylist()[0]["direction"] == "low"


def test_what_is_not_scored_says_why():
    ships, _ = trade(91, rows=8_000, firms=300)
    table = rl.FirmPrices(min_shipments=30).fit_score(ships).to_polars()
    few = table.filter(pl.col("score").is_null())
    assert len(few) > 20
    assert few["reason"].str.contains("fewer than min_shipments=30").all()
    assert few["p_value"].null_count() == len(few)
    assert (few["shipments"] < 30).all()
    none = rl.FirmPrices(min_shipments=7_000).fit_score(ships).to_polars()
    assert none["reason"].str.contains("no importer with min_shipments=7000 was fitted").all()
    for wrong in ({"min_shipments": 4}, {"min_peers": 2}, {"entity": ()}, {"measure": "value"}):
        with pytest.raises(rl.errors.ArgumentError):
            rl.FirmPrices(**wrong).fit(ships)
    with pytest.raises(rl.errors.MissingColumnError):
        rl.FirmPrices(entity="exporter").fit(ships)


@pytest.mark.parametrize("entity", ["origin", ("importer", "hs4"), ("importer", "origin")])
def test_any_columns_are_firms(entity):
    ships, _ = trade(95, rows=20_000, firms=200)
    detector = rl.FirmPrices(entity=entity).fit(ships)
    table = detector.score(ships).to_polars()
    keys = [entity] if isinstance(entity, str) else list(entity)
    assert table.columns[: len(keys)] == keys
    frame = ships.to_polars().with_columns(hs4=pl.col("hs").str.head(4))
    assert table.select(keys).equals(frame.select(keys).unique().sort(keys))
    assert rl.FirmPrices.from_state(detector.state()).score(ships).to_polars().equals(table)


def test_normal_firms_have_the_p_values_of_the_normal():
    # Firms that differ by chance only: the mean over the square root of its variance is standard normal.
    p = np.concatenate(
        [scored(trade(seed, between=0.0, products=0.0)[0])["one_sided"].to_numpy() for seed in (101, 102)]
    )
    assert stats.kstest(p, "norm").pvalue > 0.001
