"""Values are exact in keys, in conditions and as minimum and maximum; wrong arguments are errors."""

import datetime as dt
import decimal
import time
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import redlane as rl
from redlane.errors import ArgumentError, SchemaError

UTC = dt.timezone.utc
BIG = 2**53


def ships(**columns):
    rows = len(next(iter(columns.values())))
    return rl.read(pa.table({"hs": ["880622"] * rows, "value": [1.0] * rows, **columns}), progress=False)


def held(part, name):
    return part.to_table()[name].to_pylist()


def keys(part, name):
    return part.aggregate(name, "shipments")[name].to_pylist()


# Integers beyond 2^53


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.decimal128(20, 0), pa.decimal256(40, 0)])
def test_integers_beyond_doubles_are_exact(kind):
    base = 2**64 - 4 if kind == pa.uint64() else BIG
    values = [base, base + 1, base + 2, None]
    if pa.types.is_decimal(kind):
        values = [None if v is None else Decimal(v) for v in values]
    s = ships(ident=pa.array(values, kind))
    assert held(s.where(ident=base + 1), "ident") == [values[1]]
    assert held(s.where(ident=Decimal(base + 1)), "ident") == [values[1]]
    assert held(s.where(ident=str(base + 1)), "ident") == [values[1]]
    assert held(s.where(ident=[base, base + 2]), "ident") == [values[0], values[2]]
    assert held(s.where(ident=rl.between(base + 1, None)), "ident") == [values[1], values[2]]
    assert held(s.where(ident=rl.between(None, base)), "ident") == [values[0]]
    assert held(s.where(ident=None), "ident") == [None]
    assert keys(s, "ident") == values
    found = s.aggregate([], ["ident.min", "ident.max"])
    assert (found["ident_min"].to_pylist(), found["ident_max"].to_pylist()) == ([values[0]], [values[2]])
    assert pa.chunked_array(found["ident_max"]).type == kind
    line = next(row for row in s.summary().to_pylist() if row["column"] == "ident")
    assert (line["min"], line["max"]) == (str(base), str(base + 2))


def test_numpy_integers_are_exact_too():
    s = ships(ident=[BIG, BIG + 1])
    assert held(s.where(ident=np.int64(BIG + 1)), "ident") == [BIG + 1]
    assert held(s.where(ident=np.array([BIG + 1])), "ident") == [BIG + 1]
    assert held(s.where(ident=pd.Series([BIG + 1])), "ident") == [BIG + 1]


def test_a_fraction_is_equal_to_no_integer():
    s = ships(n=[2, 3])
    assert held(s.where(n=2.5), "n") == []
    assert held(s.where(n=rl.between(2.5, None)), "n") == [3]
    assert held(s.where(n=rl.between(None, 2.5)), "n") == [2]
    assert held(s.where(n=rl.between(float("-inf"), 1e300)), "n") == [2, 3]
    assert held(s.where(n=10**400), "n") == []
    assert held(s.where(n=float("nan")), "n") == []


def test_sums_of_integers_are_rounded_once():
    s = ships(k=["a", "a", "b"], ident=[BIG + 1, -BIG, 2**62 + 1])
    found = s.aggregate("k", ["ident", "ident.mean"])
    assert found["ident"].to_pylist() == [1.0, float(2**62 + 1)]
    assert found["ident_mean"].to_pylist() == [0.5, float(2**62 + 1)]
    many = ships(n=pa.array([2**64 - 1] * 3 + [None], pa.uint64()))
    assert many.aggregate([], "n")["n"].to_pylist() == [float(3 * (2**64 - 1))]


def test_sums_of_decimals_are_rounded_once():
    rng = np.random.default_rng(0)
    cents = [int(x) for x in rng.integers(-(10**17), 10**17, 2_000)]
    for kind in (pa.decimal128(38, 2), pa.decimal256(60, 2)):
        s = ships(k=[i % 3 for i in range(2_000)], paid=pa.array([Decimal(c).scaleb(-2) for c in cents], kind))
        with decimal.localcontext() as context:
            context.prec = 80
            expected = [float(Decimal(sum(cents[i::3])).scaleb(-2)) for i in range(3)]
        assert s.aggregate("k", "paid")["paid"].to_pylist() == expected
    assert ships(x=pa.array([Decimal("0.1"), Decimal("0.2")])).aggregate([], "x")["x"].to_pylist() == [0.3]


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.int64(), pa.uint16(), pa.uint64()])
def test_extremes_of_integers_are_integers(kind):
    s = ships(k=["a", "a", "b"], n=pa.array([1, 5, None], kind))
    found = s.aggregate("k", ["n.min", "n.max", "n.median"])
    assert pa.chunked_array(found["n_max"]).type == kind
    assert (found["n_min"].to_pylist(), found["n_max"].to_pylist()) == ([1, None], [5, None])


# Timestamps


STAMPS = [dt.datetime(2023, 1, 1), dt.datetime(2023, 1, 31, 12), dt.datetime(2023, 2, 1), None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("name", ["updated", "date"])
def test_timestamps_by_instant_and_by_day(unit, name):
    s = ships(**{name: pa.array(STAMPS, pa.timestamp(unit))})
    count = lambda wanted: len(s.where(**{name: wanted}))  # noqa: E731
    assert count(STAMPS[0]) == count(STAMPS[1]) == count(pd.Timestamp(STAMPS[1])) == 1
    assert count(np.datetime64("2023-01-31T12:00")) == count("2023-01-31 12:00") == count("2023-01-31T12:00:00") == 1
    assert count(dt.datetime(2023, 1, 31)) == 0
    assert count(dt.date(2023, 1, 31)) == count("2023-01-31") == count(np.datetime64("2023-01-31")) == 1
    assert (
        count(rl.between(dt.date(2023, 1, 1), dt.date(2023, 1, 31)))
        == count("2023-01")
        == count(rl.between("2023", "2023-01"))
        == 2
    )
    assert count(np.datetime64("2023-01")) == 2
    assert count(rl.between(STAMPS[0], dt.datetime(2023, 1, 31, 11, 59))) == 1
    assert count(rl.between(STAMPS[1], None)) == count(rl.between(None, STAMPS[1])) == 2
    assert count(2023) == count("2023-Q1") == 3
    assert count([STAMPS[0], dt.date(2023, 2, 1), None]) == 3
    assert count(None) == count(pd.NaT) == count(np.datetime64("NaT")) == 1
    with pytest.raises(ArgumentError, match='"soon" is not one'):
        count("soon")
    with pytest.raises(ArgumentError, match="without a time zone"):
        count(STAMPS[0].replace(tzinfo=UTC))


def test_nanoseconds_count():
    stamps = pd.to_datetime(["2023-01-01 00:00:00.000000001", "2023-01-01 00:00:00.000000002"])
    s = ships(updated=pa.array(stamps.astype("datetime64[ns]")))
    assert len(s.where(updated=stamps[0])) == len(s.where(updated=stamps[0].to_datetime64())) == 1
    assert len(s.where(updated=dt.datetime(2023, 1, 1))) == 0


def test_time_zones_are_on_both_sides():
    berlin = ZoneInfo("Europe/Berlin")
    # Midnight in Berlin is the day before in UTC.
    stamps = [dt.datetime(2023, 3, 26, 0, 0, tzinfo=berlin), dt.datetime(2023, 3, 26, 23, 59, tzinfo=berlin)]
    for zone, days in [("Europe/Berlin", 2), ("UTC", 1), ("+14:00", 1)]:
        s = ships(updated=pa.array(stamps, pa.timestamp("us", zone)))
        assert len(s.where(updated=stamps[0])) == 1
        assert len(s.where(updated=stamps[0].astimezone(UTC))) == len(s.where(updated="2023-03-25T23:00Z")) == 1
        assert len(s.where(updated=rl.between(stamps[0], stamps[1]))) == 2
        assert len(s.where(updated="2023-03-26")) == len(s.where(updated=dt.date(2023, 3, 26))) == days
        with pytest.raises(ArgumentError, match="add a time zone"):
            s.where(updated=dt.datetime(2023, 3, 26))
        assert str(keys(s, "updated")[0].astimezone(UTC)) == "2023-03-25 23:00:00+00:00"


def test_dates_of_64_bits():
    s = ships(sent=pa.array([dt.date(2023, 1, 31), dt.date(2023, 2, 1)], pa.date64()))
    for wanted in (dt.date(2023, 1, 31), dt.datetime(2023, 1, 31, 12), "2023-01", rl.between(None, "2023-01-31")):
        assert held(s.where(sent=wanted), "sent") == [dt.date(2023, 1, 31)]
    assert keys(s, "sent") == [dt.date(2023, 1, 31), dt.date(2023, 2, 1)]


def test_a_datetime_among_days_is_its_day():
    s = ships(date=[dt.date(2023, 1, 31), dt.date(2023, 2, 1)])
    assert len(s.where(date=pd.Timestamp("2023-01-31"))) == len(s.where(date=dt.datetime(2023, 1, 31, 12))) == 1
    assert len(s.where(date=rl.between(None, dt.datetime(2023, 1, 31, 12, tzinfo=UTC)))) == 1


# Keys keep type and order


KINDS = {
    "decimal128": (pa.decimal128(10, 2), [Decimal("-1.00"), Decimal("2.00"), Decimal("10.00")]),
    "decimal256": (pa.decimal256(50, 2), [Decimal("-1.00"), Decimal("2.00"), Decimal("1E+40").quantize(Decimal("1.00"), context=decimal.Context(50))]),
    "decimal32": (pa.decimal32(5, 1), [Decimal("-1.0"), Decimal("2.0"), Decimal("10.0")]),
    "decimal64": (pa.decimal64(12, 1), [Decimal("-1.0"), Decimal("2.0"), Decimal("10.0")]),
    "integers": (pa.int32(), [999, 2010, 2011]),
    "unsigned": (pa.uint64(), [9, 10, 2**64 - 1]),
    "floats": (pa.float32(), [-1.5, 2.5, 10.0]),
    "dates": (pa.date32(), [dt.date(999, 1, 1), dt.date(2023, 1, 1), dt.date(2023, 10, 1)]),
    "timestamps": (pa.timestamp("ms"), [dt.datetime(1969, 1, 1), dt.datetime(2023, 1, 1, 9), dt.datetime(2023, 1, 1, 10)]),
    "times": (pa.time64("us"), [dt.time(9), dt.time(10), dt.time(10, 0, 1)]),
    "short times": (pa.time32("s"), [dt.time(9), dt.time(10), dt.time(10, 0, 1)]),
    "lengths": (pa.duration("s"), [dt.timedelta(-1), dt.timedelta(9), dt.timedelta(10)]),
    "truths": (pa.bool_(), [False, True]),
    "texts": (pa.string(), ["10", "9", "a"]),
}  # fmt: skip


@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "dictionary"])
@pytest.mark.parametrize("case", KINDS)
def test_keys_keep_type_and_order(case, encoded):
    kind, values = KINDS[case]
    order = [*reversed(range(len(values))), None, 0]
    if encoded:
        unused = pa.array([*values, values[0]], kind)
        array = pa.DictionaryArray.from_arrays(pa.array(order, pa.int8()), unused)
    else:
        array = pa.array([None if i is None else values[i] for i in order], kind)
    s = ships(k=array)
    assert keys(s, "k") == [*values, None]
    found = pa.chunked_array(s.aggregate("k", "shipments")["k"]).type
    assert found == kind or pa.types.is_string_view(found)
    for i, value in enumerate(values):
        assert len(s.where(k=value)) == 1 + (i == 0)
        assert keys(s.where(k=rl.between(value, None)), "k") == values[i:]
        assert keys(s.where(k=rl.between(None, value)), "k") == values[: i + 1]
    assert keys(s.where(k=[values[0], values[-1]]), "k") == [values[0], values[-1]]
    assert len(s.where(k=None)) == 1
    line = next(row for row in s.summary().to_pylist() if row["column"] == "k")
    assert line["distinct"] == len(values)
    assert line["nulls"] == 1


def test_pandas_categories():
    frame = pd.DataFrame({"hs": ["88"] * 4, "value": [1.0] * 4, "made": pd.Categorical([2010, 999, 2011, 999])})
    s = rl.read(frame, progress=False)
    assert keys(s, "made") == [999, 2010, 2011]
    assert len(s.where(made=999)) == 2
    assert len(s.where(made=rl.between(1000, None))) == 2
    assert s.aggregate([], ["made.max", "made"]).to_pylist() == [{"made_max": 2011, "made": 6019.0}]


def test_decimals_in_conditions_and_extremes():
    s = ships(k=pa.array([Decimal("10.00"), Decimal("2.50"), Decimal("-1.00"), None], pa.decimal128(10, 2)))
    assert (
        held(s.where(k=2.5), "k")
        == held(s.where(k=Decimal("2.5")), "k")
        == held(s.where(k="2.50"), "k")
        == [Decimal("2.50")]
    )
    assert held(s.where(k=rl.between(2, 10)), "k") == [Decimal("10.00"), Decimal("2.50")]
    assert held(s.where(k=Decimal("2.505")), "k") == []
    assert held(s.where(k=rl.between(Decimal("2.505"), 9)), "k") == []
    assert s.aggregate([], ["k.min", "k.max"]).to_pylist() == [{"k_min": Decimal("-1.00"), "k_max": Decimal("10.00")}]
    tenth = ships(k=pa.array([Decimal("0.10")]))
    assert len(tenth.where(k=0.1)) == 1


def test_the_value_may_be_decimal_or_a_category():
    s = rl.read(
        pa.table({"hs": ["88"] * 3, "value": pa.array([Decimal("0.10"), Decimal("0.20"), None])}), progress=False
    )
    assert s.aggregate([], ["value", "value.max"]).to_pylist() == [{"value": 0.3, "value_max": Decimal("0.20")}]
    assert len(s.where(value=Decimal("0.1"))) == 1
    assert len(s.where(value=None)) == 1
    coded = pa.array([5, 7, 5]).dictionary_encode()
    s = rl.read(pa.table({"hs": ["88"] * 3, "value": coded}), progress=False)
    assert len(s.where(value=5)) == 2
    assert s.aggregate([], "value")["value"].to_pylist() == [17.0]


# Numbers of any type, and what is no number


@pytest.mark.parametrize(
    "two", [2, 2.0, np.int8(2), np.uint64(2), np.float32(2), Decimal("2.00"), "2", " 2.0 ", np.str_("2")]
)
def test_numbers_of_any_type(two):
    s = ships(whole=[1, 2], real=[1.5, 2.0], note=["1", "2"], day=[dt.date(1, 1, 1), dt.date(2, 1, 1)])
    for name in ("whole", "real", "value"):
        assert len(s.where(**{name: two})) == (0 if name == "value" else 1)
    assert len(s.where(note=two)) == (0 if isinstance(two, str) and two != "2" else 1)


def test_what_is_no_number_is_told():
    s = ships(n=[1, 2], x=[1.0, None], k=pa.array([Decimal("1.0"), Decimal("2.0")]), flag=[True, False])
    for name in ("n", "x", "k", "value"):
        for wanted in ("two", dt.date(2023, 1, 1), dt.datetime(2023, 1, 1), dt.time(1), dt.timedelta(1)):
            with pytest.raises(ArgumentError, match=f'"{name}" holds numbers'):
                s.where(**{name: wanted})
    with pytest.raises(ArgumentError, match="true and false"):
        s.where(flag="yes")
    for wanted in (object(), b"1", {"a": 1}, 1j):
        with pytest.raises(ArgumentError, match="is expected"):
            s.where(n=wanted)
    assert len(s.where(flag=True)) == len(s.where(flag=np.bool_(True))) == len(s.where(flag="True")) == 1
    assert len(s.where(n=True)) == 1  # True is 1
    assert len(s.where(x=None)) == 1
    assert len(s.where(x=float("nan"))) == 0


def test_types_without_an_order_are_told():
    s = ships(parts=[{"a": 1}, {"a": 2}])
    with pytest.raises(SchemaError, match="cannot be a key"):
        s.aggregate("parts", "shipments")
    assert len(s.where(value=1)) == 2


# Long lists


def test_long_lists_take_linear_time():
    n = 100_000
    s = rl.read(
        pl.DataFrame({"hs": [f"{i % 900_000 + 100_000}" for i in range(n)], "note": [f"n{i}" for i in range(n)],
                      "n": range(n), "x": np.arange(n) / 2, "value": [1.0] * n}),
        progress=False,
    )  # fmt: skip
    begun = time.perf_counter()
    m = 50_000
    assert len(s.where(hs=[f"{i + 100_000}" for i in range(m)])) == m
    assert len(s.where(note=[f"n{i}" for i in range(m)])) == m
    assert len(s.where(n=list(range(m)))) == m
    assert len(s.where(x=[i / 2 for i in range(m)])) == m
    # Comparing each row with each value takes minutes.
    assert time.perf_counter() - begun < 10


def test_prefixes_in_a_list_overlap():
    s = rl.read(pl.DataFrame({"hs": ["0101", "010121", "0102", "02", None], "value": [1.0] * 5}), progress=False)
    assert len(s.where(hs=["01", "010121", "01.01"])) == 3
    assert len(s.where(hs=["0101", None])) == 3
    assert len(s.where(hs=rl.between("0101", "01"))) == 3


# Arguments


@pytest.fixture(scope="module")
def findings():
    return rl.screen(rl.samples.shipments(5_000, seed=1).ships)


@pytest.mark.parametrize("rows", [[-1], [2**32], [2**70], [0.5], ["a"], [None], [True, False], [float("nan")], 3, "12"])
def test_rows_that_are_none(rows):
    with pytest.raises(ArgumentError):
        ships(n=[1, 2]).rows(rows)


def test_rows_of_any_integers():
    s = ships(n=[1, 2, 3])
    for rows in ([2, 0], (0, 2), np.array([2, 0, 2]), pd.Series([0, 2]), iter([0.0, 2]), range(0, 3, 2)):
        assert held(s.rows(rows), "n") == [1, 3]


def test_counts_are_not_negative_and_places_count_from_the_end(findings):
    table = findings.table
    for wrong in (-1, 2**70, 1.5, "3", None):
        for ask in (table.head, findings.top, lambda n: rl.samples.shipments(n)):
            with pytest.raises(ArgumentError):
                ask(wrong)
    for wrong in (-1, 2**70, 1.5, "3"):
        with pytest.raises(ArgumentError):
            table.slice(0, wrong)
    assert table.slice(-1, 5)["finding"].to_pylist() == [len(table) - 1]
    assert len(table.slice(2**40, 1)) == 0
    assert len(table.head(2**40)) == len(table)
    with pytest.raises(ArgumentError):
        table.slice(-len(table) - 1, 1)
    assert findings.rows(-1).to_polars().equals(findings.rows(len(findings) - 1).to_polars())
    assert findings.explain(-1) == findings.explain(len(findings) - 1)
    for ask in (findings.rows, findings.explain, findings.plot):
        for wrong in (len(findings), -len(findings) - 1, 2**70, "0", None):
            with pytest.raises(ArgumentError):
                ask(wrong)
    with pytest.raises(ArgumentError):
        table[0]


@pytest.mark.parametrize("wrong", [-1, 2**64, 1.5, "x", None])
def test_seeds_and_counts_of_samples_and_detectors(wrong):
    s = rl.samples.shipments(200).ships
    asks = [
        lambda: rl.samples.shipments(10, seed=wrong),
        lambda: rl.inject(s, "overvalued", n=wrong),
        lambda: rl.inject(s, "overvalued", n=1, seed=wrong),
        lambda: rl.Isolation(seed=wrong).fit(s),
        lambda: rl.Isolation(trees=wrong).fit(s),
        lambda: rl.UnitValue(min_peers=wrong).fit(s),
        lambda: rl.Surge(min_periods=wrong).fit(s),
        lambda: rl.Newcomer(min_peers=wrong).fit(s),
        lambda: rl.Digits(min_values=wrong).fit(s),
        lambda: rl.set_threads(wrong),
    ]
    for ask in asks:
        with pytest.raises(ArgumentError):
            ask()
    for ask in (lambda: rl.inject(s, "overvalued", n=1, strength="x"), lambda: rl.Repeats(window=2**40).fit(s)):
        with pytest.raises(ArgumentError):
            ask()


def test_ids_that_are_numbers_have_ranges_of_numbers():
    s = rl.read(pa.table({"id": [9, 10, 100], "hs": ["88"] * 3, "value": [1.0] * 3}), progress=False)
    assert s.roles["id"] == "id"
    assert held(s.where(id=rl.between(9, 10)), "id") == [9, 10]
    assert held(s.where(id=10), "id") == [10]


@pytest.mark.parametrize("case", KINDS)
def test_a_fit_by_keys_of_any_type_is_restored(case):
    kind, values = KINDS[case]
    rows = 60
    k = pa.array([values[i % len(values)] for i in range(rows)], kind)
    s = ships(k=k, net_weight=[1.0 + i % 7 for i in range(rows)])
    settings = {"by": ("k",), "min_peers": 3, "backoff": ()}
    fitted = rl.UnitValue(**settings).fit(s)
    scores = fitted.score(s)["score"].to_pylist()
    assert None not in scores
    assert rl.UnitValue.from_state(fitted.state(), **settings).score(s)["score"].to_pylist() == scores
    rare = rl.Rarity(of="k", given=("hs6",)).fit(s)
    again = rl.Rarity.from_state(rare.state(), of="k", given=("hs6",)).score(s)
    assert again["score"].to_pylist() == rare.score(s)["score"].to_pylist()
