"""Repeats, Rarity, Digits, Ecod and Isolation: p-values without planted anomalies, and what they find.

Each detector is tried on several kinds of data. Shares of small p-values may exceed the nominal ones by 30 % at 0.01 and
50 % at 0.001, plus three standard errors of the binomial distribution (more for firms, whose p-values are few).
"""

import numpy as np
import polars as pl
import pytest
import redlane as rl

QUANTITIES = np.array([1, 2, 5, 10, 20, 25, 50, 100, 200, 500])


def p_values(scores):
    return np.array([np.nan if p is None else p for p in scores["p_value"].to_pylist()])


def honest(p, doubt=3.0):
    p = p[~np.isnan(p)]
    for level, times in ((0.01, 1.3), (0.001, 1.5)):
        share = (p < level).mean()
        assert share <= times * level + doubt * np.sqrt(level / len(p)), (level, share / level, len(p))


def found(p, rate=0.05):
    q = rl.fdr([None if np.isnan(x) else x for x in p])
    return np.array([x is not None and x <= rate for x in q])


# Repeats


def trade(rng, kind, n=30_000, codes=60, skew=2.5):
    """Shipments of pairs of firms. Amounts are odd, or repeat for honest reasons."""
    size = rng.pareto(skew, n // 6) + 0.3
    pair = rng.choice(len(size), n, p=size / size.sum())
    code, importer, exporter = (rng.integers(0, m, len(size))[pair] for m in (codes, 4_000, 4_000))
    day = rng.integers(0, 365, n)

    def amounts(m):
        return np.exp(rng.normal(8, 1.2, m)).round(2), np.exp(rng.normal(5, 1.2, m)).round(1)

    value, weight = amounts(n)
    quantity = rng.choice(QUANTITIES, n)
    if kind == "list prices":
        value, weight = quantity * np.exp(rng.normal(2, 1, codes)).round(2)[code], quantity * (1.0 + code % 7)
    elif kind == "prices of a contract":
        value, weight = quantity * np.exp(rng.normal(2, 1, len(size))).round(2)[pair], quantity * (1.0 + code % 7)
    elif kind == "standing orders":
        own, orders = amounts(len(size)), rng.random(len(size)) < 0.2
        value, weight = (np.where(orders[pair], a[pair], b) for a, b in zip(own, (value, weight), strict=True))
        monthly = rng.integers(0, 12, n) * 30 + rng.integers(0, 28, len(size))[pair]
        day = np.where(orders[pair], monthly, day)
    elif kind == "few values":
        value, weight = rng.choice(np.exp(rng.normal(6, 1, 30)).round(), n), np.full(n, 7.0)
    elif kind == "deliveries in one week":
        own, orders = amounts(len(size)), rng.random(len(size)) < 0.2
        value, weight = (np.where(orders[pair], a[pair], b) for a, b in zip(own, (value, weight), strict=True))
        once = rng.integers(0, 360, len(size))[pair] + rng.integers(0, 4, n)
        day = np.where((rng.random(len(size)) < 0.9)[pair], once, day)
    return pl.DataFrame(
        {
            "hs": [f"{100_000 + c}" for c in code],
            "importer": importer.astype(str).tolist(),
            "exporter": exporter.astype(str).tolist(),
            "date": np.datetime64("2023-01-01") + day,
            "value": value,
            "net_weight": weight,
            "pair": pair,
        }
    )


def twice(rng, frame, n):
    """The frame with n records twice, and the rows of these."""
    rows = rng.choice(len(frame), n, replace=False)
    both = pl.concat([frame, frame[rows.tolist()]])
    return both, np.r_[rows, len(frame) + np.arange(n)]


REPEATING = ["list prices", "prices of a contract", "standing orders", "few values", "deliveries in one week"]


@pytest.mark.parametrize("kind", ["odd amounts", *REPEATING])
def test_honest_repetition_is_no_repeat(kind):
    rng = np.random.default_rng(1)
    frame = trade(rng, kind)
    if kind == "standing orders":
        frame = frame.unique(["pair", "date", "value", "net_weight"], keep="first", maintain_order=True)
    p = p_values(rl.Repeats().fit_score(rl.read(frame)))
    honest(p)
    assert found(p).sum() <= 2


@pytest.mark.parametrize("skew", [1.5, 2.5])
def test_every_duplicate_of_an_odd_amount_is_found(skew):
    rng = np.random.default_rng(2)
    frame, rows = twice(rng, trade(rng, "odd amounts", 40_000, skew=skew), 150)
    scores = rl.Repeats().fit_score(rl.read(frame))
    hits = found(p_values(scores))
    assert hits[rows].sum() == 300
    assert hits.sum() - 300 <= 6
    kinds = scores["kind"].to_pylist()
    assert {kinds[row] for row in rows} == {"duplicate"}


def test_duplicates_beside_standing_orders_are_found_where_amounts_are_odd():
    rng = np.random.default_rng(3)
    frame = trade(rng, "standing orders", 40_000)
    frame = frame.unique(["pair", "date", "value", "net_weight"], keep="first", maintain_order=True)
    both, rows = twice(rng, frame, 300)
    hits = found(p_values(rl.Repeats().fit_score(rl.read(both))))
    # Four in five pairs have odd amounts.
    assert hits[rows].sum() >= 0.7 * len(rows)
    assert (hits.sum() - hits[rows].sum()) <= 0.05 * hits.sum()


def test_a_code_of_round_prices_has_a_rate_of_its_own():
    rng = np.random.default_rng(4)
    odd, prices = trade(rng, "odd amounts"), trade(rng, "list prices")
    mixed = pl.concat([odd.filter(pl.col("hs") < "100040"), prices.filter(pl.col("hs") >= "100040")])
    both, rows = twice(rng, mixed, 400)
    scores = rl.Repeats().fit_score(rl.read(both))
    hits, odd_rows = found(p_values(scores)), [r for r in rows if both["hs"][int(r)] < "100040"]
    assert hits[odd_rows].mean() > 0.9
    assert hits[[r for r in rows if both["hs"][int(r)] >= "100040"]].mean() < 0.1


def test_records_of_one_day_say_nothing_about_repetition():
    frame = pl.DataFrame(
        {
            "hs": ["690721"] * 40,
            "importer": ["A"] * 40,
            "date": ["2023-01-01"] * 40,
            "value": [500.0] * 2 + [float(100 * k) for k in range(6, 44)],
            "net_weight": [5.0] * 40,
        }
    )
    assert p_values(rl.Repeats().fit_score(rl.read(frame))).min() > 0.1


# Rarity


def partners(rng, kind, groups=300):
    """Groups of Pareto sizes and the partner of each shipment."""
    sizes = ((rng.pareto(1.0, groups) + 0.05) * 80).astype(int).clip(2, 5_000)
    group = np.repeat(np.arange(groups), sizes)
    n = len(group)
    if kind == "one law":
        partner = rng.choice(30, n, p=np.arange(1, 31) / 465)
    elif kind == "a law for each group":
        partner = np.concatenate([rng.choice(40, s, p=rng.dirichlet(np.full(40, 0.3))) for s in sizes])
    elif kind == "few partners":
        chosen = [
            (rng.choice(40, k, replace=False), rng.dirichlet(np.full(k, 3.0))) for k in rng.integers(2, 7, groups)
        ]
        partner = np.concatenate([rng.choice(c, s, p=q) for s, (c, q) in zip(sizes, chosen, strict=True)])
    elif kind.startswith("power law"):
        rank = np.minimum(rng.zipf(float(kind.split()[-1]), n), 10**6)
        partner = rank + group * 7_919 * (rank > 20)
    else:
        usual = 1 / np.arange(1, 201) ** 1.2
        usual /= usual.sum()
        partner = np.concatenate([rng.choice(200, s, p=rng.dirichlet(8 * usual)) for s in sizes])
    return group, partner


def partner_frame(group, partner):
    return rl.read(pl.DataFrame({"hs": [f"{100_000 + g}" for g in group], "origin": [f"P{p}" for p in partner]}))


LAWS = ["one law", "a law for each group", "few partners", "power law 1.3", "power law 2.0", "countries"]


@pytest.mark.parametrize("kind", LAWS)
def test_rare_partners_of_a_long_tail_are_honest(kind):
    p = [p_values(rl.Rarity().fit_score(partner_frame(*partners(np.random.default_rng(s), kind)))) for s in range(3)]
    honest(np.concatenate(p))
    assert sum(found(one).sum() for one in p) <= 3


@pytest.mark.parametrize("kind", ["few partners", "a law for each group"])
def test_the_p_value_of_rarity_keeps_the_order_of_its_score(kind):
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(6)
    group, partner = partners(rng, kind)
    planted = rng.random(len(group)) < 0.01
    partner = np.where(planted, 10**7 + rng.integers(0, 150, len(group)), partner)
    scores = rl.Rarity().fit_score(partner_frame(group, partner))
    p = p_values(scores)
    by_score = average_precision_score(planted, np.nan_to_num(scores["score"].to_numpy()))
    by_p = average_precision_score(planted, -np.nan_to_num(p, nan=1.0))
    assert by_p > by_score - 0.02
    hits = found(p)
    assert (hits & ~planted).sum() <= 0.07 * max(1, hits.sum())
    if kind == "few partners":
        assert hits[planted].mean() > 0.5


def test_wrong_partners_that_are_common_elsewhere_are_found_with_a_history():
    rng = np.random.default_rng(7)
    group, partner = partners(rng, "few partners")
    old = rng.random(len(group)) < 0.7
    planted = ~old & (rng.random(len(group)) < 0.01)
    wrong = np.where(planted, rng.integers(0, 40, len(group)), partner)
    detector = rl.Rarity().fit(partner_frame(group[old], partner[old]))
    p = p_values(detector.score(partner_frame(group[~old], wrong[~old])))
    hits, planted = found(p), planted[~old]
    assert hits[planted].mean() > 0.4
    assert (hits & ~planted).sum() <= 0.07 * hits.sum()
    honest(p_values(detector.score(partner_frame(group[~old], partner[~old]))))


# Digits


def values(rng, kind, firms=600, n=120_000):
    """Values of firms of unequal size, with their habits of rounding."""
    size = rng.pareto(2.0, firms) + 0.5
    firm = rng.choice(firms, n, p=size / size.sum())
    chapter = (firm * 7 + rng.integers(0, 5, n)) % 40
    value = np.exp(rng.normal(5, 1, n) + 1.5 * np.sin(chapter) + rng.normal(0, 0.7, firms)[firm]).round(2)
    habit = {
        "all alike": lambda: np.full(firms, 0.1),
        "scattered": lambda: rng.beta(0.5, 4, firms),
        "two kinds of firms": lambda: np.where(rng.random(firms) < 0.15, 0.8, 0.05),
        "whole numbers": lambda: (rng.random(firms) < 0.3) * 1.0,
    }[kind]()
    rounded = rng.random(n) < habit[firm]
    return firm, chapter, np.where(rounded, value.round(0 if kind == "whole numbers" else -2), value)


def digits(firm, chapter, value):
    frame = pl.DataFrame(
        {"hs": [f"{c + 10}0101" for c in chapter], "importer": firm.astype(str).tolist(), "value": value}
    )
    return rl.Digits().fit_score(rl.read(frame))


HABITS = ["all alike", "scattered", "two kinds of firms", "whole numbers"]


@pytest.mark.parametrize("kind", HABITS)
def test_habits_of_rounding_are_no_invention(kind):
    p = np.concatenate([p_values(digits(*values(np.random.default_rng(s), kind))) for s in range(4)])
    assert (~np.isnan(p)).sum() > 1_000
    honest(p)


@pytest.mark.parametrize("kind", HABITS)
def test_firms_that_invent_numbers_are_found(kind):
    rng = np.random.default_rng(8)
    firm, chapter, value = values(rng, kind)
    bad = rng.choice(np.nonzero(np.bincount(firm) > 150)[0], 12, replace=False)
    inventing = np.isin(firm, bad)
    # Three digits of equal frequency, at any magnitude.
    value = np.where(inventing, rng.integers(100, 1_000, len(firm)) * 10.0 ** rng.integers(0, 3, len(firm)), value)
    scores = digits(firm, chapter, value)
    hits = set(np.array(scores["importer"].to_pylist())[found(p_values(scores))].astype(int))
    assert len(hits & set(bad)) >= 9
    assert len(hits - set(bad)) <= 2


# Ecod and Isolation


@pytest.mark.parametrize("make", [rl.Ecod, rl.Isolation])
def test_without_history_scores_are_leads_and_with_history_there_are_findings(make):
    rng = np.random.default_rng(10)

    def shipments(n, wrong=0):
        weight = np.exp(rng.normal(4, 1, n))
        value = weight * np.exp(rng.normal(2, 0.3, n))
        value[:wrong] *= np.exp(rng.uniform(6, 8, wrong))
        return rl.read(pl.DataFrame({"hs": ["690721"] * n, "value": value, "net_weight": weight}))

    clean, later = shipments(20_000), shipments(5_000, 40)
    alone = make().fit_score(later)
    assert alone["p_value"].null_count == len(later)
    assert alone["score"].null_count == 0
    assert (make().fit_predict(later) == 1).all()
    assert all("a lead, not a finding" in c for c in alone["caution"].to_pylist())
    honest(p_values(make().fit(clean).score(shipments(60_000))))
    scores = make().fit(clean).score(later)
    assert scores["caution"].null_count == len(later)
    hits = found(p_values(scores))
    assert hits[40:].sum() <= 5
    # A forest does not tell how far out a shipment is, only that it is at the edge.
    assert make is rl.Isolation or hits[:40].sum() >= 36
