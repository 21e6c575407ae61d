"""NumPy scalars are accepted like Python values."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import redlane as rl
from redlane.errors import ArgumentError


@pytest.fixture(scope="module")
def ships():
    return rl.samples.shipments(3_000, seed=1).ships


@pytest.fixture(scope="module")
def findings(ships):
    return rl.screen(ships, fdr=0.2)


@pytest.fixture(scope="module")
def many():
    return rl.screen(rl.samples.shipments(20_000, seed=1).ships, fdr=0.5)


def same(one, other):
    one, other = (x if isinstance(x, list) else x.to_pylist() for x in (one, other))
    return repr(one) == repr(other)


WHOLE = [np.int8(3), np.int32(3), np.int64(3), np.uint64(3), np.float32(3), np.float64(3), np.array(3)]


@pytest.mark.parametrize("three", WHOLE, ids=lambda three: str(three.dtype) + str(three.shape))
def test_counts_places_and_rows(ships, many, three, tmp_path):
    findings, table = many, many.table
    assert len(table.head(three)) == len(findings.top(three)) == len(table.slice(three, three)) == 3
    assert table.slice(np.int64(-1), three).to_pylist() == table.slice(-1, 3).to_pylist()
    assert findings.explain(three) == findings.explain(3)
    assert len(findings.rows(three)) == len(findings.rows(3))
    assert findings.plot(three).to_dict() is not None
    assert len(ships.rows([three])) == 1
    assert len(rl.samples.shipments(three).ships) == 3
    page = Path(findings.to_html(tmp_path / "page.html", limit=three))
    assert page.read_text(encoding="utf-8").count("<article") == 3
    rl.set_threads(three)
    rl.set_threads(0)


def test_rows_as_an_array(ships):
    assert same(ships.rows(np.array([5, 2, 2], np.uint32)).to_table(), ships.rows([2, 5]).to_table())


@pytest.mark.parametrize("wrong", [np.float32(2.5), np.float64("nan"), np.bool_(True), np.str_("3"), np.int64(-1)])
def test_what_is_no_count_is_told(findings, wrong):
    for ask in (findings.top, findings.table.head, rl.samples.shipments):
        with pytest.raises(ArgumentError):
            ask(wrong)


def test_samples_and_planting(ships):
    one, other = rl.samples.shipments(np.int64(1000), seed=np.int64(1)), rl.samples.shipments(1000, seed=1)
    assert same(one.ships.to_table(), other.ships.to_table())
    plain = rl.samples.shipments(np.uint16(100), np.uint64(2), plant=np.bool_(False))
    assert len(plain.truth) == 0
    planted = rl.inject(ships, np.str_("overvalued"), n=np.int32(5), strength=np.float32(5), seed=np.uint8(3))
    assert same(planted.ships.to_table(), rl.inject(ships, "overvalued", n=5, strength=5.0, seed=3).ships.to_table())


def test_aggregate_and_compare(ships):
    by, measures = np.array(["hs2", "year"]), np.array(["shipments", "value.median"])
    expected = ships.aggregate(["hs2", "year"], ["shipments", "value.median"], fill="zero")
    assert same(ships.aggregate(by, measures, fill=np.str_("zero")), expected)
    assert same(ships.aggregate(np.str_("hs2"), np.str_("value")), ships.aggregate("hs2", "value"))
    assert same(ships.aggregate(np.array("hs2"), "value"), ships.aggregate("hs2", "value"))
    assert same(ships.aggregate(np.array(["hs2"], object), "value"), ships.aggregate("hs2", "value"))
    expected = ships.compare("hs2", "2023", "2022", measure="value", against={"destination": "UA"})
    assert same(
        ships.compare(
            np.array(["hs2"]),
            np.str_("2023"),
            (np.datetime64("2022-01-01"), np.datetime64("2022-12-31T10:00", "ns")),
            measure=np.str_("value"),
            against={np.str_("destination"): np.str_("UA")},
        ),
        expected,
    )
    assert same(ships.compare("hs2", np.int64(2023), np.datetime64("2022")), ships.compare("hs2", "2023", "2022"))


@pytest.mark.parametrize("wrong", [np.int64(5), np.array([1, 2]), 5, [5], np.array(5)])
def test_what_is_no_name_is_told(ships, wrong):
    for ask in (lambda: ships.aggregate(wrong), lambda: ships.compare(wrong, "2023", "2022")):
        with pytest.raises(ArgumentError, match="by is a name or a list of names"):
            ask()
    with pytest.raises(ArgumentError, match="measures is a name"):
        ships.aggregate("hs2", wrong)


def test_conditions(ships):
    for numpy, python in [
        ({"hs": np.str_("88")}, {"hs": "88"}),
        ({"hs2": np.int64(88)}, {"hs2": "88"}),
        ({"hs": np.array(["88", "69"])}, {"hs": ["88", "69"]}),
        ({"hs": np.array(["88", "69"], object)}, {"hs": ["88", "69"]}),
        ({"hs": np.array("88")}, {"hs": "88"}),
        ({"year": np.int32(2023)}, {"year": 2023}),
        ({"date": np.datetime64("2023-03")}, {"date": "2023-03"}),
        ({"date": np.array(["2023-03", "2023-05"], "datetime64[M]")}, {"date": ["2023-03", "2023-05"]}),
        ({"value": rl.between(np.float32(100), np.int64(5000))}, {"value": rl.between(100, 5000)}),
        (
            {"date": rl.between(np.datetime64("2023-01-01T00:00:00", "ns"), np.datetime64("2023-06"))},
            {"date": rl.between("2023-01-01", "2023-06")},
        ),
    ]:
        chosen = ships.where(**python)
        assert len(chosen) > 0
        assert same(ships.where(**numpy).to_table(), chosen.to_table())
    assert same(ships.where(**{np.str_("hs"): "88"}).to_table(), ships.where(hs="88").to_table())


def test_screen_and_rates_of_false_findings(ships, findings):
    found = rl.screen(ships, fdr=np.float32(0.2))
    assert found.fdr == 0.2
    assert repr(found) == repr(findings)
    detector = rl.UnitValue().fit(ships)
    expected = detector.predict(ships, fdr=0.05)
    assert (detector.predict(ships, fdr=np.float64(0.05)) == expected).all()
    assert (detector.predict(ships, fdr=np.float32(0.05)) == expected).all()
    p = np.array([0.01, np.nan, 0.04])
    np.testing.assert_array_equal(rl.fdr(p), [0.02, np.nan, 0.04])
    assert rl.fdr(list(p), method=np.str_("bh")) == [0.02, None, 0.04]
    for wrong in (np.float32(0), np.float32(1), np.float64("nan"), "much", None):
        with pytest.raises(ArgumentError, match="fdr="):
            rl.screen(ships, fdr=wrong)


@pytest.mark.parametrize(
    ("numpy", "python"),
    [
        (rl.UnitValue(min_peers=np.int64(5), by=np.array(["hs4"]), backoff=()), rl.UnitValue(min_peers=5, by=["hs4"], backoff=())),
        (rl.Isolation(seed=np.uint64(3), trees=np.int32(10)), rl.Isolation(seed=3, trees=10)),
        (rl.Surge(min_periods=np.int16(6), measure=np.str_("shipments")), rl.Surge(min_periods=6, measure="shipments")),
        (rl.Repeats(window=np.int8(7)), rl.Repeats(window=7)),
        (rl.Divergence(current=np.datetime64("2023"), base=np.str_("2022")), rl.Divergence(current="2023", base="2022")),
        (rl.Divergence(current=(np.datetime64("2023-01-01"), np.datetime64("2023-12-31")), base=np.int64(2022)), rl.Divergence(current="2023", base="2022")),
    ],
    ids=lambda detector: type(detector).__name__,
)  # fmt: skip
def test_parameters_of_detectors(ships, numpy, python):
    assert same(numpy.fit_score(ships), python.fit_score(ships))


def test_evaluate_and_features(ships):
    planted = rl.inject(ships, "overvalued", n=20)
    scores = np.arange(len(planted.ships), dtype=np.float32)
    truth = planted.truth["row"].to_numpy()
    value = np.ones(len(scores), np.float32)
    expected = rl.evaluate(scores.tolist(), truth.tolist(), value.tolist())
    assert same(rl.evaluate(scores, truth, value, order=np.str_("score")), expected)
    marks = np.isin(np.arange(len(scores)), truth)
    assert same(rl.evaluate(scores, marks, value), expected)


def test_reading(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("made today\nHS;VALUE\n0101;1,5\n0102;2,5\n")
    expected = rl.read(path, header=2, delimiter=";", decimal=",", columns={"value": "VALUE"}, progress=False)
    got = rl.read(
        np.str_(path),
        header=np.int64(2),
        delimiter=np.str_(";"),
        decimal=np.str_(","),
        columns={np.str_("value"): np.str_("VALUE")},
        progress=np.bool_(False),
        on_fault=np.str_("keep"),
    )
    assert same(got.to_table(), expected.to_table())
    assert same(rl.read(path, skip=np.float32(1)).to_table(), expected.to_table())
    assert len(rl.inspect(np.str_(path), header=np.uint8(2)))
    assert len(rl.read(np.array([str(path)]))) == 2


def test_tables_and_rates(ships):
    table = ships.aggregate("hs2", "shipments")
    assert table[np.str_("hs2")].to_pylist() == table["hs2"].to_pylist()
    assert np.str_("hs2") in table
    assert table.to_csv(formulas=np.str_("keep")) == table.to_csv()
    one = ships.convert(np.str_("EUR"), {np.str_("USD"): np.float64(0.5)}, currency=np.str_("USD"))
    other = ships.convert("EUR", {"USD": 0.5}, currency="USD")
    assert same(one.to_table(), other.to_table())
    assert same(
        ships.convert("EUR", {"USD": np.float32(0.1)}, currency="USD").to_table(),
        ships.convert("EUR", {"USD": 0.1}, currency="USD").to_table(),
    )
    frame = pl.DataFrame({"currency": ["USD"], "date": ["2020-01-01"], "rate": [0.5]})
    dated = ships.convert("EUR", frame, currency="USD", date=np.datetime64("2023-01-01"), every=np.str_("day"))
    assert same(dated.to_table(), ships.convert("EUR", frame, currency="USD", date="2023-01-01").to_table())


def test_leakage_report_and_label():
    frame = pl.DataFrame({"office": [1, 2, 3, 4] * 50, "good": ["a", "b"] * 100, "fraud": [1, 0, 0, 0] * 50})
    s = rl.read(frame, progress=False)
    assert same(rl.leakage_report(s, s, np.str_("fraud")), rl.leakage_report(s, s, "fraud"))
