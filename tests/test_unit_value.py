"""UnitValue compared with a plain numpy version of its definition."""

import math
import pickle

import numpy as np
import polars as pl
import pytest
import redlane as rl
from scipy import optimize, special, stats

MAD_K = 1.482602218505602


def weighted_median(values, weights):
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return values[order][np.searchsorted(below, below[-1] / 2)]


def moderated(scales, sizes):
    """The moderated scales of Smyth (2004) with medians, and the degrees of freedom of the usual scale."""
    d = 0.37 * (sizes - 1)
    logs = 2 * np.log(scales) - special.digamma(d / 2) + np.log(d / 2)
    centre = weighted_median(logs, d)
    excess = weighted_median((logs - centre) ** 2, d) / 0.454936423119572
    excess -= np.sum(d * special.polygamma(1, d / 2)) / np.sum(d)
    if excess <= 0.001:
        return np.full(len(scales), np.exp(centre / 2)), np.inf
    half = optimize.brentq(lambda h: special.polygamma(1, h) - excess, 1e-6, 1e6, xtol=1e-14, rtol=1e-14)
    usual = np.exp((centre + special.digamma(half) - np.log(half)) / 2)
    return np.sqrt((2 * half * usual**2 + d * scales**2) / (2 * half + d)), 2 * half


def reference(frame, by, min_peers):
    """z of the log price within `by` on moderated scales, for groups with enough prices."""
    x = np.log((frame["value"] / frame["net_weight"]).to_numpy())
    keys = list(zip(*(frame[name].to_list() for name in by), strict=True))
    groups = {}
    for i, key in enumerate(keys):
        groups.setdefault(key, []).append(i)
    z = np.full(len(x), np.nan)
    able = []
    for rows in groups.values():
        if len(rows) >= min_peers:
            centre = np.median(x[rows])
            scale = MAD_K * np.median(np.abs(x[rows] - centre))
            if scale > 1e-9:
                able.append((rows, centre, scale))
    scales, _ = moderated(np.array([scale for _, _, scale in able]), np.array([len(rows) for rows, _, _ in able]))
    for (rows, centre, _), scale in zip(able, scales, strict=True):
        z[rows] = (x[rows] - centre) / scale
    return z


@pytest.mark.parametrize("by", [("hs",), ("hs", "origin")])
def test_equals_numpy_without_backoff(sample, by):
    scores = rl.UnitValue(by=by, backoff=(), min_peers=5).fit_score(sample.ships)
    expected = reference(sample.ships.to_polars(), by, 5)
    got = np.array([math.nan if s is None else s for s in scores["score"].to_pylist()])
    known = ~np.isnan(expected)
    assert known.sum() > 1_000
    np.testing.assert_allclose(got[known], np.abs(expected[known]), rtol=1e-9, atol=1e-12)
    direction = np.array(scores["direction"].to_pylist(), dtype=object)
    assert set(direction[known & (expected > 0)]) == {"high"}
    assert len(scores) == len(sample.ships)
    assert scores["row"].to_pylist() == list(range(len(sample.ships)))


def test_shrinkage_by_hand():
    rng = np.random.default_rng(1)
    sizes = np.array([30, 170, 45, 80, 60, 25, 400])
    origin = np.repeat([f"O{k}" for k in range(len(sizes))], sizes)
    spread = np.repeat([0.1, 0.3, 0.2, 0.5, 0.3, 0.25, 0.3], sizes)
    frame = pl.DataFrame(
        {
            "hs": ["010101"] * len(origin),
            "origin": origin,
            "value": np.exp(rng.normal(1, spread)) * 10,
            "net_weight": [10.0] * len(origin),
        }
    )
    detector = rl.UnitValue(by=("hs", "origin"), backoff=(("hs",),), min_peers=20).fit(rl.read(frame))
    state = {(r["level"], r["origin"]): r for r in detector.state().to_pylist()}
    x = np.log(frame["value"].to_numpy() / 10)

    def mad(v):
        return MAD_K * np.median(np.abs(v - np.median(v)))

    parts = [x[origin == f"O{k}"] for k in range(len(sizes))]
    scales, _ = moderated(np.array([mad(part) for part in parts]), sizes)
    for k, (part, scale) in enumerate(zip(parts, scales, strict=True)):
        assert state[0, f"O{k}"]["scale"] == pytest.approx(scale, rel=1e-9)
        # Centres are drawn to that of all origins by precision.
        low, high = sorted((np.median(part), np.median(x)))
        assert low <= state[0, f"O{k}"]["centre"] <= high
    # One group is not enough to say what is usual: it keeps its own scale.
    assert state[1, None]["scale"] == pytest.approx(mad(x), rel=1e-12)


def test_reasons_and_nulls():
    frame = pl.DataFrame(
        {
            "hs": ["010101"] * 26,
            "value": [*np.linspace(9, 11, 20), 80.0, -5.0, 0.0, None, 5.0, 5.0],
            "net_weight": [1.0] * 21 + [1.0, 1.0, 1.0, 0.0, None],
        }
    )
    scores = rl.UnitValue(by=("hs",), backoff=(), min_peers=20).fit_score(rl.read(frame))
    rows = scores.to_pylist()
    assert rows[20]["direction"] == "high"
    assert rows[20]["observed"] == 80.0
    assert "is 80," in rows[20]["reason"]
    assert "21 peers" in rows[20]["reason"]
    assert "hs 010101" in rows[20]["reason"]
    for i, words in [
        (21, "negative"),
        (22, "zero"),
        (23, "value is missing"),
        (24, "net_weight is zero"),
        (25, "net_weight is missing"),
    ]:
        assert rows[i]["score"] is None
        assert rows[i]["p_value"] is None
        assert words in rows[i]["reason"]
    few = rl.UnitValue(by=("hs",), backoff=(), min_peers=30).fit_score(rl.read(frame)).to_pylist()
    assert all(r["score"] is None for r in few)
    assert "21 peers" in few[0]["reason"]
    assert "min_peers=30" in few[0]["reason"]
    tied = rl.read(pl.DataFrame({"hs": ["01"] * 30, "value": [5.0] * 30, "net_weight": [1.0] * 30}))
    assert "same price" in rl.UnitValue(by=("hs",), backoff=(), min_peers=20).fit_score(tied).to_pylist()[0]["reason"]


def test_backoff_takes_the_finest_group_that_is_large_enough():
    n = 60
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "hs": ["010101"] * 30 + ["010102"] * 5 + ["010199"] * 25,
            "origin": ["A"] * 30 + ["B"] * 30,
            "value": np.exp(rng.normal(0, 0.2, n)),
            "net_weight": np.ones(n),
        }
    )
    rows = rl.UnitValue(min_peers=20).fit_score(rl.read(frame)).to_pylist()
    assert rows[0]["peer"] == "hs6 010101, origin A"
    assert rows[32]["peer"] == "hs4 0101"
    assert rows[32]["n_peers"] == 60
    assert rows[40]["peer"] == "hs6 010199, origin B"


def test_history_scores_new_records(sample):
    ships = sample.ships
    history, new = ships.where(date=rl.between(None, "2022")), ships.where(year=2023)
    detector = rl.UnitValue().fit(history)
    at_once = detector.score(new)
    assert len(at_once) == len(new)
    rows = at_once.to_pylist()
    for i in range(0, len(rows), len(rows) // 25):
        alone = detector.score(rl.read(new.rows([rows[i]["row"]]).to_polars())).to_pylist()[0]
        assert {k: v for k, v in alone.items() if k != "row"} == {k: v for k, v in rows[i].items() if k != "row"}


def test_state_pickle_and_parameters(sample):
    detector = rl.UnitValue(min_peers=10).fit(sample.ships)
    scores = detector.score(sample.ships).to_polars()
    for copy in (
        pickle.loads(pickle.dumps(detector)),
        rl.UnitValue.from_state(detector.state(), min_peers=10),
        rl.UnitValue.from_state(detector.state().to_arrow(), min_peers=10),
    ):
        assert copy.get_params() == detector.get_params()
        assert copy.score(sample.ships).to_polars().equals(scores)
    assert rl.UnitValue().set_params(min_peers=7).min_peers == 7
    assert detector.fit_score(sample.ships).to_polars().equals(scores)


def test_quantities_are_compared_within_one_unit():
    rng = np.random.default_rng(0)
    price = np.exp(rng.normal(0, 0.1, 60))
    frame = pl.DataFrame(
        {
            "hs": ["010101"] * 60,
            "quantity_unit": ["KG"] * 30 + ["NO"] * 30,
            "quantity": np.ones(60),
            "value": np.concatenate([price[:30], 1000 * price[30:]]),
        }
    )
    detector = rl.UnitValue(measure="value/quantity", by=("hs",), backoff=(), min_peers=20)
    rows = detector.fit_score(rl.read(frame)).to_pylist()
    assert max(r["score"] for r in rows) < 5
    assert rows[0]["peer"] == "hs 010101, quantity_unit KG"


def share_beyond(z, group, side):
    """The share of a side that lies beyond z > 1 by the law of the state."""
    a, b, c, loose, ratio, times = (group[f"tail_{side}_{name}"] for name in ("a", "b", "c", "share", "ratio", "times"))

    def core(z):
        u = optimize.brentq(lambda u: u * math.exp(a + b * u + c * u * u) - z, 0, 40, xtol=1e-13)
        return 2 * stats.norm.sf(u)

    return times * ((1 - loose) * core(z) + loose * core(z / ratio))


def as_normal(z, group):
    """A score as a normal: the uncertainty of the centre is added, and Student's t is changed (Wallace 1959)."""
    z, f = z / math.sqrt(1 + math.pi / 2 / group["n"]), group["tail_freedom"]
    return (8 * f + 1) / (8 * f + 3) * math.sqrt(f * math.log(1 + z * z / f)) if f else z


def test_p_values_follow_the_tails_of_the_state(sample):
    detector = rl.UnitValue().fit(sample.ships)
    groups = {}
    for r in detector.state().to_pylist():
        keys = tuple(f"{k} {r[k]}" for k in ("hs6", "origin", "hs4") if r[k] is not None)
        groups[", ".join(keys)] = r
    seen = 0
    for row in detector.score(sample.ships).slice(0, 2_000).to_pylist():
        if not row["score"]:
            continue
        group = groups[row["peer"]]
        z = as_normal(row["score"] / group["tail_scale"], group)
        if group["tail_scale"] == 1 and z > 1:
            seen += 1
            p = share_beyond(z, group, "above" if row["direction"] == "high" else "below")
            assert stats.norm.isf(row["p_value"] / 2) == pytest.approx(stats.norm.isf(p / 2), rel=1e-3, abs=1e-3)
    assert seen > 100


def test_groups_with_loose_prices_claim_less():
    rng = np.random.default_rng(3)
    n = 200
    # All groups have the same scale; in every fourth group, one price in six is of another kind.
    noise = rng.normal(0, 0.1, (40, n))
    noise[::4] += np.where(rng.random((10, n)) < 1 / 6, rng.normal(0, 1.0, (10, n)), 0)
    noise[:, 0] = 0.8  # one and the same oddity everywhere
    frame = pl.DataFrame(
        {
            "hs": np.repeat([f"{g:06}" for g in range(40)], n),
            "net_weight": np.ones(40 * n),
            "value": np.exp(noise).ravel(),
        }
    )
    detector = rl.UnitValue(by=("hs",), backoff=())
    scores = detector.fit_score(rl.read(frame))
    p = np.array(scores["p_value"].to_pylist()).reshape(40, n)
    loose = np.arange(40) % 4 == 0
    # The tenth scale is weak evidence as long as a quarter of the groups is loose, and none in a loose group.
    assert p[~loose, 0].max() < 0.005 < 0.01 < p[loose, 0].min()
    tail_scale = np.array([r["tail_scale"] for r in detector.state().to_pylist()])
    assert tail_scale[loose].min() > 1.8
    assert tail_scale[~loose] == pytest.approx(1, abs=0.3)
    assert "with outer prices" in scores.slice(0, 1).to_pylist()[0]["reason"]
    # With prices of one kind all groups are alike, and the tail scale is 1.
    even = rl.read(frame.with_columns(value=pl.lit(np.exp(rng.normal(0, 0.1, 40 * n)))))
    assert {r["tail_scale"] for r in detector.fit(even).state().to_pylist()} == {1.0}


def test_a_score_of_two_is_no_proof_where_most_peers_have_nearly_one_price():
    rng = np.random.default_rng(5)
    n = 200
    noise = rng.normal(0, 0.3, (60, n))
    flat = np.tile([0.0] * 28 + [1e-4, -1e-4, 1e-4, -0.58, -7.4], (10, 1))
    frame = pl.DataFrame(
        {
            "hs": [f"99{g:04}" for g in range(10) for _ in range(33)]
            + [f"{g:06}" for g in range(60) for _ in range(n)],
            "net_weight": np.ones(330 + 60 * n),
            "value": np.exp(np.concatenate([flat.ravel(), noise.ravel()])),
        }
    )
    detector = rl.UnitValue(by=("hs",), backoff=())
    scores = detector.fit_score(rl.read(frame)).to_polars()
    assert min(r["tail_scale"] for r in detector.state().to_pylist()) < 0.1
    z, p = (scores[name].to_numpy()[31:33] for name in ("score", "p_value"))
    assert z[0] < 3
    assert p == pytest.approx(2 * stats.norm.sf(z), rel=0.3)


def test_planted_prices_are_found():
    found = total = false = 0
    for seed in range(3):
        sample = rl.samples.shipments(200_000, seed=seed)
        wrong = {r["row"] for r in sample.truth.to_pylist() if r["pattern"] in ("undervalued", "overvalued")}
        planted = {r["row"] for r in sample.truth.to_pylist()}
        findings = rl.screen(sample.ships)
        # Planted armour is most of its group, so the correct airsoft gear looks cheap. This is not a false finding.
        lines = [r for r in findings.table.to_pylist() if "930400" not in r["reason"]]
        rows = {int(r["subject"].split()[1]) for r in lines}
        found += len(rows & wrong)
        total += len(wrong)
        false += len(rows - planted)
    # A twentieth of the sample's prices vary twice as much, and some of them lie as far out as planted ones.
    assert found / total > 0.6
    assert false / max(1, found + false) < 0.12


def test_nothing_planted_gives_next_to_nothing():
    findings = [len(rl.screen(rl.samples.shipments(100_000, seed=s, plant=False).ships)) for s in range(4)]
    assert sum(findings) <= 2, findings


def test_uk_arrivals_claim_little_and_no_corrections(data):
    ships = rl.read(data / "hmrc_arrivals" / "hmrc_eu_arrivals_2009_02.csv.gz")
    detector = rl.UnitValue(by=("hs8", "origin"), backoff=(("hs8",), ("hs6",), ("hs4",)))
    scores = detector.fit_score(ships).to_polars()
    # A plain robust z above 5 flags 7.7 % of the lines in groups of ten or more.
    assert (scores["score"] > 5).sum() > 0.02 * len(ships)
    assert len(rl.screen(ships, [detector])) < 0.01 * len(ships)
    value = ships.to_polars()["stat_value"].cast(pl.Float64)
    corrections = scores.filter(value < 0)
    assert len(corrections) > 2_000
    assert corrections["score"].null_count() == len(corrections)
    assert corrections["reason"].str.contains("a correction of an earlier record|missing").all()


def test_tokens_are_pointed_out():
    rng = np.random.default_rng(0)
    weight = np.round(np.exp(rng.normal(5, 1, 60)), 1)
    value = np.round(weight * 3 * np.exp(rng.normal(0, 0.1, 60)), 2)
    value[0], weight[0] = 1.0, 700.0
    weight[1], value[1] = 1.0, 900.0
    ships = rl.read(pl.DataFrame({"hs": ["690912"] * 60, "value": value, "net_weight": weight}))
    cautions = rl.UnitValue(by=("hs6",), backoff=()).fit_score(ships)["caution"].to_pylist()
    assert cautions[0] == "a value of 1 looks like a placeholder: the price depends on it"
    assert cautions[1] == "a weight of 1 kg looks like a placeholder: the price depends on it"
    assert cautions[2:] == [None] * 58
