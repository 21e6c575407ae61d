"""Tails that are learnt from scores: errors are told from looser nature."""

import numpy as np
import polars as pl
import pytest
import redlane as rl
from scipy import stats

GROUPS, SIZE, SPREAD = 300, 200, 0.3


def prices(noise, share=0.0, sides=(-1, 1), scatter=0.0, seed=0):
    """Log prices of equal groups, a share of them 3 to 10 times too low or too high; and the logarithms of the errors."""
    rng = np.random.default_rng(seed)
    n = GROUPS * SIZE
    scale = SPREAD * np.repeat(np.exp(rng.normal(0, scatter, GROUPS)), SIZE)
    off = np.zeros(n)
    wrong = rng.choice(n, int(share * n), replace=False)
    off[wrong] = np.log(rng.uniform(3, 10, len(wrong))) * rng.choice(sides, len(wrong))
    x = scale * noise(rng, n)
    frame = pl.DataFrame(
        {
            "hs": np.repeat([f"{g:06}" for g in range(GROUPS)], SIZE),
            "net_weight": np.ones(n),
            "value": np.exp(x + off),
        }
    )
    oracle = 2 * stats.norm.sf(np.abs(x + off) / scale)
    return rl.read(frame), off, oracle


def normal(rng, n):
    return rng.normal(0, 1, n)


def loose(rng, n):
    """A tenth of the records varies three times as much."""
    return np.where(rng.random(n) < 0.1, 3, 1) * rng.normal(0, 1, n)


DETECTOR = rl.UnitValue(by=("hs",), backoff=())


def found(ships):
    return DETECTOR.fit_predict(ships) == -1


@pytest.mark.parametrize("scatter", [0.0, 0.35])
@pytest.mark.parametrize("sides", [(-1, 1), (-1,)])
@pytest.mark.parametrize("share", [0.002, 0.01, 0.02, 0.03, 0.05])
def test_errors_do_not_hide_themselves(share, sides, scatter):
    ships, off, oracle = prices(normal, share, sides, scatter)
    hits, wrong = found(ships), off != 0
    best = np.asarray(rl.fdr(oracle)) <= 0.05
    assert (hits & wrong).sum() >= 0.85 * (best & wrong).sum()
    assert (hits & ~wrong).sum() <= 0.07 * hits.sum() + 2 * np.sqrt(0.07 * hits.sum())


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_looser_nature_is_no_error(share):
    ships, off, _ = prices(loose, share)
    assert (found(ships) & (off == 0)).sum() <= 3
    stories = DETECTOR.fit(ships).calibration()["story"].to_pylist()
    assert all(story.startswith("looser nature") for story in stories)


def test_errors_of_one_side_leave_the_other_alone():
    low, high = DETECTOR.fit(prices(normal, 0.03, (-1,))[0]).calibration().to_pylist()
    assert (low["side"], high["side"]) == ("below", "above")
    assert "errors" in low["story"]
    # Three in a hundred records are six in a hundred of those below the median.
    assert low["errors"] == pytest.approx(0.06, abs=0.01)
    assert "errors" not in high["story"]
    assert high["errors"] == 0


def test_the_table_says_what_was_learnt():
    table = DETECTOR.fit(prices(normal)[0]).calibration()
    for row in table.to_pylist():
        assert (row["level"], row["groups"]) == ("hs", GROUPS)
        assert row["scores"] == pytest.approx(GROUPS * SIZE / 2, rel=0.01)
        assert row["usual_scale"] == pytest.approx(SPREAD, rel=0.02)
        assert row["dispersion"] >= 1
        p, share = (np.array(row[name]) for name in ("expected", "observed"))
        assert (np.diff(p) <= 0).all()
        assert (p[0], share[0]) == (1, 1)
        near = (p > 1e-3) & (p < 0.5)
        assert near.sum() > 10
        np.testing.assert_allclose(share[near], p[near], rtol=0.2)
    scattered = DETECTOR.fit(prices(normal, scatter=0.35)[0]).calibration().to_pylist()[0]
    # The variance of ln s² of a scale with f degrees of freedom is the trigamma function of f / 2: here 4 x 0.35².
    assert 3 < scattered["scale_freedom"] < 8


def test_a_level_of_several_goods_tells_no_errors():
    rng = np.random.default_rng(2)
    # Headings of four goods each, of which one is ten times as dear and rare.
    heading, good = np.divmod(np.repeat(np.arange(160), np.tile([150, 150, 150, 12], 40)), 4)
    price = rng.normal(0, 0.2, len(good)) + np.where(good == 3, np.log(10), 0.3 * good)
    frame = pl.DataFrame(
        {
            "hs": [f"{h + 1000}{g:02}" for h, g in zip(heading, good, strict=True)],
            "net_weight": np.ones(len(good)),
            "value": np.exp(price),
        }
    )
    detector = rl.UnitValue(by=("hs6",), backoff=(("hs4",),)).fit(rl.read(frame))
    stories = {(row["level"], row["side"]): row["story"] for row in detector.calibration().to_pylist()}
    assert "errors" not in stories["hs4", "above"]


def test_only_learnt_tails_are_shown_and_drawn():
    ships = rl.samples.shipments(5_000).ships
    rarity = rl.Rarity().fit(ships)
    assert len(rarity.calibration()) == 0
    with pytest.raises(rl.errors.ArgumentError, match="learns no tails"):
        rl.charts.calibration(rarity)
    with pytest.raises(rl.errors.NotFittedError):
        rl.UnitValue().calibration()
    chart = rl.charts.calibration(rl.ValueWeight().fit(ships)).to_dict()
    assert {layer["encoding"]["x"]["field"] for layer in chart["layer"]} == {"expected"}
    # A fit of no scores has a table and an empty chart.
    few = rl.UnitValue().fit(ships.where(hs="000000"))
    assert {row["scores"] for row in few.calibration().to_pylist()} == {0}
    assert rl.charts.calibration(few).to_dict()


def test_the_table_does_not_depend_on_order_and_survives_pickling():
    ships, _, _ = prices(loose, 0.01, seed=3)
    table = DETECTOR.fit(ships).calibration().to_arrow()
    frame = ships.to_polars().sample(fraction=1, shuffle=True, seed=1)
    again = DETECTOR.fit(rl.read(frame))
    assert again.calibration().to_arrow().equals(table)
    assert rl.UnitValue.from_state(again.state()).calibration().to_arrow().equals(table)
