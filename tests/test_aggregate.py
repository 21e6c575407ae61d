"""Every measure over random tables, against numpy and DuckDB."""

import datetime
import math

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import redlane as rl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["a", "b", "ä", "中文", "", "exactly12byt", "thirteen byte", "x" * 1000, "KG", "8806"]),
    st.text(max_size=20),
)
NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, 0.1, 0.2, math.inf, math.nan, 5e-324]),
    st.floats(-1e6, 1e6),
    st.integers(-5, 5).map(float),
)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, NUMBERS, NUMBERS), max_size=60)
STATS = ["sum", "mean", "std", "min", "max", "median", "mad", "q05", "q25", "q75", "q95"]


def frame(rows):
    names = ["firm", "place", "value", "net_weight"]
    kinds = [pa.string(), pa.string(), pa.float64(), pa.float64()]
    columns = list(zip(*rows, strict=True)) if rows else [[], [], [], []]
    return pa.table({n: pa.array(list(c), k, from_pandas=False) for n, k, c in zip(names, kinds, columns, strict=True)})


def rounded_sum(values):
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < len(values):
        return sum(v for v in values if not math.isfinite(v))
    try:
        return math.fsum(values)
    except OverflowError:
        return None  # fsum gives up on intermediate overflow, redlane does not


def oracle(values, stat):
    values = [v for v in values if v is not None and not math.isnan(v)]
    if not values or (stat == "std" and len(values) < 2):
        return "null"
    x = np.array(values)
    with np.errstate(all="ignore"):
        match stat:
            case "sum":
                return rounded_sum(values)
            case "mean":
                total = rounded_sum(values)
                return None if total is None else total / len(values)
            case "std":
                return float(np.std(x, ddof=1)) if np.abs(x).max() < 1e100 else None
            case "min":
                return float(x.min())
            case "max":
                return float(x.max())
            case "median":
                return float(np.median(x)) if np.abs(x).max() < 1e300 else None
            case "mad":
                median = np.median(x)
                return float(np.median(np.abs(x - median))) if np.abs(x).max() < 1e300 else None
            case _:
                return float(np.quantile(x, int(stat[1:]) / 100)) if np.isfinite(x).all() else None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.integers(1, 4))
def test_statistics_equal_numpy(rows, batches):
    table = frame(rows)
    step = max(1, -(-len(rows) // batches))
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=step), table.schema)
    ships = rl.read(chunked)
    measures = ["shipments", "firm.distinct"] + [f"{c}.{s}" for c in ("value", "net_weight") for s in STATS]
    got = {(r["place"]): r for r in ships.aggregate("place", measures).to_pylist()}
    groups = {}
    for row in rows:
        groups.setdefault(row[1], []).append(row)
    assert list(got) == sorted((k for k in groups if k is not None), key=lambda k: k.encode()) + [None] * (
        None in groups
    )
    for key, members in groups.items():
        assert got[key]["shipments"] == len(members)
        assert got[key]["firm_distinct"] == len({m[0] for m in members if m[0] is not None})
        for at, column in ((2, "value"), (3, "net_weight")):
            for stat in STATS:
                mine = got[key][column if stat == "sum" else f"{column}_{stat}"]
                expected = oracle([m[at] for m in members], stat)
                if expected == "null":
                    assert mine is None
                elif expected is None:
                    continue
                elif math.isnan(expected):
                    assert math.isnan(mine)
                elif stat in ("sum", "mean", "min", "max", "median", "mad") or not math.isfinite(expected):
                    assert mine == expected, stat
                    assert math.copysign(1, mine) == math.copysign(1, expected + 0.0), stat
                else:
                    assert mine == pytest.approx(expected, rel=1e-9, abs=1e-9), stat


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.sampled_from(["f1", "f2", "f3", None]),
            st.one_of(st.none(), st.integers(-100, 10_000).map(lambda i: i / 8)),
            st.one_of(st.none(), st.integers(-100, 10_000).map(lambda i: i / 8)),
        ),
        max_size=50,
    )
)
def test_unit_value_and_hhi_equal_duckdb(rows):
    table = pl.DataFrame(
        rows,
        schema={"origin": pl.String, "importer": pl.String, "value": pl.Float64, "net_weight": pl.Float64},
        orient="row",
    )
    got = rl.read(table).aggregate("origin", ["unit_value", "unit_value.median", "importer.hhi"]).to_pylist()
    db = duckdb.connect()
    db.register("t", table.to_arrow())
    expected = db.sql("""
        with r as (select origin, fsum(value) v, fsum(net_weight) w from t where value is not null and net_weight <> 0 group by 1),
        m as (select origin, median(value / net_weight) m from t where net_weight <> 0 group by 1),
        s as (select origin, importer, fsum(value) s from t where importer is not null group by 1, 2 having s > 0),
        h as (select origin, sum(power(s, 2)) / power(sum(s), 2) h from s group by 1)
        select g.origin, r.v / nullif(r.w, 0), m.m, h.h from (select distinct origin from t) g
        left join r on g.origin is not distinct from r.origin left join m on g.origin is not distinct from m.origin
        left join h on g.origin is not distinct from h.origin order by g.origin nulls last
    """).fetchall()
    assert len(got) == len(expected)
    for mine, (origin, ratio, median, hhi) in zip(got, expected, strict=True):
        assert mine["origin"] == origin
        for a, b in ((mine["unit_value"], ratio), (mine["unit_value_median"], median), (mine["importer_hhi"], hhi)):
            assert (a is None) == (b is None)
            if a is not None:
                assert a == pytest.approx(b, rel=1e-9, abs=1e-300)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), st.integers(-99, 99)
        ),
        max_size=40,
    )
)
def test_periods_equal_duckdb(rows):
    table = pa.table(
        {"date": pa.array([r[0] for r in rows], pa.date32()), "value": pa.array([r[1] for r in rows], pa.int64())}
    )
    ships = rl.read(table)
    db = duckdb.connect()
    db.register("t", table)
    for every in ("day", "week", "month", "quarter", "year"):
        got = [(r[every], r["value"]) for r in ships.aggregate(every, "value").to_pylist()]
        expected = db.sql(
            f"select date_trunc('{every}', date)::date d, sum(value)::double from t group by 1 order by 1 nulls last"
        ).fetchall()
        assert got == expected


def test_nothing_at_all():
    table = pa.table(
        {"hs": pa.array([], pa.string()), "value": pa.array([], pa.float64()), "date": pa.array([], pa.date32())}
    )
    ships = rl.read(table)
    assert len(ships) == 0
    assert ships.aggregate([], ["shipments", "value", "value.median", "hs.distinct"]).to_pylist() == [
        {"shipments": 0, "value": None, "value_median": None, "hs_distinct": 0}
    ]
    assert len(ships.aggregate(["hs", "month"], ["shipments", "value"])) == 0
    assert len(ships.summary()) == 3
    assert len(ships.where(hs="01")) == 0
    assert ships.to_pandas().shape == (0, 3)


def test_all_null_column():
    table = pa.table(
        {"origin": ["a", "a", None], "value": pa.array([None, None, None], pa.float64()), "other": pa.nulls(3)}
    )
    got = rl.read(table).aggregate("origin", ["value", "value.std", "value.distinct"]).to_pylist()
    assert got == [
        {"origin": "a", "value": None, "value_std": None, "value_distinct": 0},
        {"origin": None, "value": None, "value_std": None, "value_distinct": 0},
    ]


def test_dictionaries_that_differ_between_batches():
    batches = [
        pa.record_batch({"origin": pa.array(v).dictionary_encode(), "value": pa.array([1.0] * len(v))})
        for v in (["b", "a", None], ["c", "b"], ["a"])
    ]
    for kind in (pa.string(), pa.large_string()):
        table = pa.Table.from_batches(batches).cast(
            pa.schema([("origin", pa.dictionary(pa.int32(), kind)), ("value", pa.float64())])
        )
        got = rl.read(table).aggregate("origin", "value").to_pylist()
        assert [(r["origin"], r["value"]) for r in got] == [("a", 2.0), ("b", 2.0), ("c", 1.0), (None, 1.0)]


def test_more_keys_than_64_bits(sample):
    by = ["id", "description", "exporter", "importer", "value", "net_weight"]
    got = sample.ships.aggregate(by, "shipments")
    theirs = sample.ships.to_polars().group_by(by).len()
    assert len(got) == len(theirs)


def test_fill_zero():
    table = pa.table(
        {
            "date": [datetime.date(2023, 1, 5), datetime.date(2023, 4, 1), datetime.date(2023, 2, 1), None],
            "origin": ["a", "a", "b", "a"],
            "value": [1.0, 2.0, None, 7.0],
        }
    )
    got = rl.read(table).aggregate(["origin", "month"], ["shipments", "value", "value.mean"], fill="zero").to_pylist()
    month = [datetime.date(2023, m, 1) for m in range(1, 5)]
    assert [(r["origin"], r["month"], r["shipments"], r["value"], r["value_mean"]) for r in got] == [
        ("a", month[0], 1, 1.0, 1.0),
        ("a", month[1], 0, 0.0, None),
        ("a", month[2], 0, 0.0, None),
        ("a", month[3], 1, 2.0, 2.0),
        ("a", None, 1, 7.0, 7.0),
        ("b", month[1], 1, None, None),
    ]


def test_the_published_case():
    """Ceramics 133.14 to 225 and 12.82 to 5, drones 100 and 3.33, a firm from 0.4 to 300."""
    rows = [
        ("ceramics", "RU", 2022, 133.14), ("ceramics", "RU", 2023, 225.0),
        ("ceramics", "UA", 2022, 12.82), ("ceramics", "UA", 2023, 5.0),
        ("drones", "RU", 2023, 100.0), ("drones", "UA", 2023, 3.33),
        ("firm", "KG", 2022, 0.4), ("firm", "KG", 2023, 300.0),
    ]  # fmt: skip
    table = pl.DataFrame(
        [(g, d, datetime.date(y, 6, 1), v) for g, d, y, v in rows],
        schema=["product", "destination", "date", "value"],
        orient="row",
    )
    ships = rl.read(table, columns={"description": "product"})
    got = {
        (r["product"], r["destination"]): r
        for r in ships.compare(["product", "destination"], "2023", "2022", against={"destination": "UA"}).to_pylist()
    }
    assert round(got["ceramics", "RU"]["growth"], 2) == 0.69
    assert round(got["ceramics", "UA"]["growth"], 2) == -0.61
    assert round(got["drones", "RU"]["times"], 2) == 30.03
    assert got["drones", "RU"]["growth"] is None
    assert got["drones", "RU"]["growth_dhs"] == 2.0
    assert got["firm", "KG"]["growth"] == pytest.approx(749)
    assert round(got["firm", "KG"]["growth_dhs"], 4) == 1.9947
    assert got["firm", "KG"]["against_current"] == 0.0
    assert got["firm", "KG"]["times"] is None
    assert sum(r["share_current"] for r in got.values()) == pytest.approx(1)


def test_where(sample):
    ships = sample.ships
    frame = ships.to_polars()
    months = pl.col("date").dt.strftime("%Y-%m")
    for conditions, expression in [
        ({"hs": ["8806", "690912"]}, pl.col("hs").str.starts_with("8806") | (pl.col("hs") == "690912")),
        ({"destination": "RU", "year": 2022}, (pl.col("destination") == "RU") & (pl.col("date").dt.year() == 2022)),
        (
            {"date": rl.between("2022-03-01", "2023-02-28")},
            pl.col("date").is_between(datetime.date(2022, 3, 1), datetime.date(2023, 2, 28)),
        ),
        ({"date": ["2022-05", "2021"]}, (months == "2022-05") | (pl.col("date").dt.year() == 2021)),
        ({"date": rl.between(None, datetime.date(2020, 6, 30))}, pl.col("date") <= datetime.date(2020, 6, 30)),
        ({"value": rl.between(1000, 2000.5)}, pl.col("value").is_between(1000, 2000.5)),
        (
            {"hs2": "93", "origin": {"CN", "DE"}},
            pl.col("hs").str.starts_with("93") & pl.col("origin").is_in(["CN", "DE"]),
        ),
        ({"importer": None}, pl.col("importer").is_null()),
    ]:
        mine = ships.where(**conditions)
        theirs = frame.filter(expression)
        assert len(mine) == len(theirs)
        assert mine.to_polars().equals(theirs)
        assert mine.aggregate([], "value").to_pylist()[0]["value"] == (
            math.fsum(theirs["value"]) if len(theirs) else None
        )


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (["date", "day"], '"date" and "day" are the same key'),
        (["day", "date"], '"day" and "date" are the same key'),
        (["day", "when"], '"day" and "when" are the same key'),
        (["amount", "value"], '"amount" and "value" are the same key'),
        (["value", "amount"], '"value" and "amount" are the same key'),
        (["origin", "origin"], '"origin" is in the list of keys twice'),
        (["hs6", "hs6"], '"hs6" is in the list of keys twice'),
    ],
)
def test_one_key_under_two_names(by, said):
    table = pa.table(
        {
            "when": [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), datetime.date(2021, 1, 2)],
            "origin": ["DE", "FR", "FR"],
            "hs": ["010121"] * 3,
            "amount": [1.0, 2.0, 3.0],
        }
    )
    ships = rl.read(table, columns={"date": "when", "value": "amount"})
    with pytest.raises(rl.errors.ArgumentError, match=said):
        ships.aggregate(by, "shipments")
    with pytest.raises(rl.errors.ArgumentError, match=said):
        ships.compare(by, current="2021", base="2020")
    assert len(ships.aggregate(["date", "month"], "shipments")) == 3
    assert len(ships.aggregate(["hs", "hs10"], "shipments")) == 1
