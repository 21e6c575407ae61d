"""Values in several currencies: conversion by rates, and warnings where they are added up unconverted."""

import datetime as dt
import math
import pickle
import sys
import types
from collections import Counter

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import redlane as rl
from hypothesis import given, settings
from hypothesis import strategies as st
from redlane.cli import main

DAY = dt.date(2023, 1, 1)
CODES = ("EUR", "USD", "INR", "JPY", "BRL")


def days(n):
    return DAY + dt.timedelta(int(n))


def table(rows, **types_):
    return pl.DataFrame(rows, schema_overrides=types_).to_arrow()


def shipments(values, currencies=None, dates=None, **others):
    columns = {"hs": ["690912"] * len(values), "value": pa.array(values, pa.float64())}
    if currencies is not None:
        columns["currency"] = pa.array(currencies, pa.string())
    if dates is not None:
        columns["date"] = dates
    return rl.read(pa.table({**columns, **others}), progress=False)


def made(ships, name="value_usd"):
    return ships.to_table()[name].to_pylist()


def told(ships, words):
    return [note for note in ships.notes if words in note]


def random_records(seed, n=3_000):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "hs": ["690912"] * n,
            "value": rng.lognormal(5, 3, n),
            "currency": [("EUR", "USD", "INR", "usd ", "JPY", "XAU", None)[i] for i in rng.integers(0, 7, n)],
            "date": [days(i) for i in rng.integers(0, 900, n)],
            "part": rng.integers(0, 3, n),
        }
    )
    hole = lambda name: pl.when(pl.Series(rng.random(n) > 0.05)).then(pl.col(name)).alias(name)  # noqa: E731
    return frame.with_columns(hole("value"), hole("date"))


def random_rates(seed, n=200):
    rng = np.random.default_rng(seed + 1_000)
    lines = {
        (CODES[i], days(day)): float(rate)
        for i, day, rate in zip(
            rng.integers(0, len(CODES), n), rng.integers(30, 800, n), rng.lognormal(0, 2, n), strict=True
        )
        if CODES[i] != "USD"
    }
    return pl.DataFrame(
        {"currency": [c for c, _ in lines], "date": [d for _, d in lines], "rate": list(lines.values())}
    )


# The rate of each row


@pytest.mark.parametrize("seed", range(4))
def test_the_latest_rate_on_or_before_the_day_holds(seed):
    records, rates = random_records(seed), random_rates(seed)
    expected = duckdb.sql(
        """
        select case when upper(trim(s.currency)) = 'USD' then s.value else s.value * r.rate end as converted
        from (select *, row_number() over () as n, upper(trim(currency)) as code from records) s
        asof left join rates r on s.code = r.currency and s.date >= r.date
        order by s.n
        """
    ).fetchall()
    ships = rl.read(records, progress=False).convert("USD", rates)
    assert made(ships) == [row for (row,) in expected]
    assert len(ships) == len(records)
    assert ships.roles["value"] == "value_usd"
    assert "currency" not in ships.roles
    assert ships.to_table()["value"].to_pylist() == records["value"].to_list()


def last_before(rates, code, day):
    earlier = [(d, rate) for c, d, rate in rates if c == code and d <= day]
    return max(earlier)[1] if earlier else None


def mean_of(rates, code, first, last):
    """The mean of the rates of the days of a period, of those that have one."""
    all_days = [first + dt.timedelta(i) for i in range((last - first).days + 1)]
    found = [rate for rate in (last_before(rates, code, day) for day in all_days) if rate is not None]
    if not found:
        return None
    return found[0] if len(set(found)) == 1 else math.fsum(found) / len(found)


def span(text):
    """The first and the last day of `2023`, `2023-Q2`, `2023-05` or a day."""
    if len(text) == 10:
        return (dt.date.fromisoformat(text),) * 2
    year = int(text[:4])
    first, months = (1, 12) if len(text) == 4 else (int(text[5:]), 1) if "Q" not in text else (int(text[6]) * 3 - 2, 3)
    after = first + months
    return dt.date(year, first, 1), dt.date(year + (after > 12), after - 12 * (after > 12), 1) - dt.timedelta(1)


DATES = st.one_of(
    st.dates(dt.date(2022, 11, 1), dt.date(2024, 2, 1)).map(str),
    st.sampled_from(["2022", "2023", "2023-Q1", "2023-Q4", "2022-12", "2023-01", "2023-02", "2024-01"]),
    st.none(),
)
RATES = st.dictionaries(
    st.tuples(st.sampled_from(["EUR", "INR"]), st.dates(dt.date(2022, 12, 1), dt.date(2023, 12, 31))),
    st.floats(1e-6, 1e6),
    min_size=1,
    max_size=12,
).map(lambda lines: [(c, d, rate) for (c, d), rate in lines.items()])
ROWS = st.lists(
    st.tuples(st.one_of(st.none(), st.floats(-1e9, 1e9)), st.sampled_from(["EUR", "INR", "USD", None]), DATES),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, RATES)
def test_each_date_has_the_rate_of_what_it_tells(rows, rates):
    values, currencies, dates = zip(*rows, strict=True)
    ships = shipments(values, currencies, pa.array(dates, pa.string()))
    converted = ships.convert("USD", rates_table(rates))

    def expected(value, currency, date):
        if value is None or currency is None:
            return None
        if currency == "USD":
            return value
        rate = None if date is None else mean_of(rates, currency, *span(date))
        return None if rate is None else value * rate

    assert made(converted) == [expected(*row) for row in rows]
    copy = pickle.loads(pickle.dumps(ships.rows(range(0, len(rows), 2))))
    kept = ships.rows(range(0, len(rows), 2)).convert("USD", rates_table(rates))
    assert made(copy.convert("USD", rates_table(rates))) == made(kept) == made(converted)[::2]


def rates_table(rates):
    return pl.DataFrame(rates, schema=["currency", "date", "rate"], orient="row")


def test_dates_made_of_year_and_month_are_months():
    rates = [("EUR", dt.date(2023, 1, 1), 2.0), ("EUR", dt.date(2023, 1, 11), 3.0)]
    columns = {"hs": ["0901"] * 2, "value_eur": [1.0, 10.0], "year": [2023, 2023], "month": [1, 2]}
    ships = rl.read(pa.table(columns), progress=False)
    expected = [mean_of(rates, "EUR", *span("2023-01")), 30.0]
    for ships_ in (ships, pickle.loads(pickle.dumps(ships))):
        assert made(ships_.convert("USD", rates_table(rates))) == expected
    years = rl.read(pa.table({"hs": ["0901"], "value_eur": [1.0], "year": [2023]}), progress=False)
    assert made(years.convert("USD", rates_table(rates))) == [mean_of(rates, "EUR", *span("2023"))]
    assert told(years.convert("USD", rates_table(rates)), "mean of the rates of the days of its year")


@pytest.mark.parametrize("every", ["day", "week", "month", "quarter", "year"])
def test_longer_periods_on_demand(every):
    rates = [("EUR", dt.date(2022, 1, 1), 2.0), ("EUR", dt.date(2023, 5, 10), 3.0), ("EUR", dt.date(2023, 8, 9), 1.7)]
    day = dt.date(2023, 5, 11)
    monday = day - dt.timedelta(day.weekday())
    periods = {
        "day": (day, day),
        "week": (monday, monday + dt.timedelta(6)),
        "month": span("2023-05"),
        "quarter": span("2023-Q2"),
        "year": span("2023"),
    }
    ships = shipments([10.0], ["EUR"], [day]).convert("USD", rates_table(rates), every=every)
    assert made(ships) == [10.0 * mean_of(rates, "EUR", *periods[every])]


@pytest.mark.parametrize(
    "date", ["2023", "2023-Q1", "2023-02", "2023-02-03", dt.date(2023, 2, 3), ("2023-01-05", "2023-02")]
)
def test_one_period_for_all_rows(date):
    rates = [("EUR", dt.date(2022, 1, 1), 2.0), ("EUR", dt.date(2023, 1, 11), 3.0), ("EUR", dt.date(2023, 2, 3), 7.0)]
    ends = [span(str(part)) for part in (date if isinstance(date, tuple) else (date, date))]
    expected = [5 * mean_of(rates, "EUR", ends[0][0], ends[1][1])]
    assert (
        made(shipments([5.0], ["EUR"], [dt.date(2024, 1, 1)]).convert("USD", rates_table(rates), date=date)) == expected
    )
    assert made(shipments([5.0], ["EUR"]).convert("USD", rates_table(rates), date=date)) == expected


# Where the rates come from


def test_rates_of_any_kind_of_table(tmp_path):
    frame = pd.DataFrame({"currency": ["EUR", "inr"], "rate": [1.1, 0.012]})
    path = tmp_path / "rates.csv"
    path.write_text("currency;rate\nEUR;1,1\ninr;0,012\n", encoding="utf-8")
    relation = duckdb.sql("select * from frame")
    polars = pl.from_pandas(frame)
    ships = shipments([1.0, 1.0, 3.0], ["EUR", "INR", "USD"])
    kinds = (frame, polars, polars.to_arrow(), relation, rl.Table(polars), {"EUR": 1.1, "INR": 0.012}, path, str(path))
    for rates in kinds:
        assert made(ships.convert("USD", rates)) == [1.1, 0.012, 3.0]
        assert made(ships.convert("usd", rates)) == [1.1, 0.012, 3.0]


RATE = {"currency": ["EUR"], "rate": [1.1]}


@pytest.mark.parametrize(
    ("rates", "error", "words"),
    [
        ({}, rl.errors.ArgumentError, "give a rate"),
        ({"EUR": -1.0}, rl.errors.ArgumentError, "row 0: the rate of EUR is -1"),
        ({"INR": 1.0, "EUR": 0}, rl.errors.ArgumentError, "row 1: the rate of EUR is 0"),
        ({"EUR": math.nan}, rl.errors.ArgumentError, "above 0"),
        ({"EUR": math.inf}, rl.errors.ArgumentError, "above 0"),
        ({"EUR": "x"}, rl.errors.ArgumentError, "a number is expected"),
        ({"EURO COIN": 1}, rl.errors.ArgumentError, "no currency of ISO 4217"),
        ({"Rs": 1}, rl.errors.ArgumentError, "several currencies are written"),
        ({"EUR": 1, "eur": 2}, rl.errors.ArgumentError, "EUR has two rates"),
        ({"USD": 2}, rl.errors.ArgumentError, "the rate of USD in USD is 1"),
        (5, rl.errors.ArgumentError, "takes a table"),
        ("nowhere.csv", rl.errors.MissingFileError, "nowhere"),
        (pa.table({"rate": [1.0]}), rl.errors.MissingColumnError, "currency"),
        (pa.table({"currency": ["EUR"]}), rl.errors.MissingColumnError, "rate"),
        (pa.table({"currency": ["EUR"], "rate": ["abc"]}), rl.errors.ArgumentError, "abc"),
        (pa.table({"currency": ["EUR"], "rate": pa.array([None], pa.float64())}), rl.errors.ArgumentError, "missing"),
        (pa.table({"currency": pa.array([None], pa.string()), "rate": [1.0]}), rl.errors.ArgumentError, "missing"),
        (pa.table({"currency": pa.array([], pa.string()), "rate": pa.array([], pa.float64())}), rl.errors.ArgumentError, "no row"),
        (pa.table({**RATE, "date": ["soon"]}), rl.errors.ArgumentError, "soon"),
        (pa.table({**RATE, "date": pa.array([None], pa.date32())}), rl.errors.ArgumentError, "the date is missing"),
        (pa.table({"currency": ["EUR", "EUR"], "rate": [1.0, 2.0], "date": [DAY, DAY]}), rl.errors.ArgumentError, "2023-01-01"),
    ],
)  # fmt: skip
def test_rates_that_make_no_sense(rates, error, words):
    with pytest.raises(error, match=words):
        shipments([1.0], ["EUR"], [DAY]).convert("USD", rates)


@pytest.mark.parametrize(
    ("ships", "arguments", "error", "words"),
    [
        (shipments([1.0], ["EUR"]), {"to": "dollars"}, rl.errors.ArgumentError, "ISO 4217"),
        (shipments([1.0], ["EUR"]), {"currency": "??"}, rl.errors.ArgumentError, "currency="),
        (shipments([1.0], ["EUR"]), {"every": "decade"}, rl.errors.ArgumentError, "every="),
        (shipments([1.0], ["EUR"]), {"date": "soon"}, rl.errors.ArgumentError, "soon"),
        (shipments([1.0]), {}, rl.errors.MissingColumnError, 'currency="EUR"'),
        (rl.read(pa.table({"hs": ["01"], "CIF_VALUE_LC": [1.0]})), {}, rl.errors.MissingColumnError, "not which"),
        (rl.read(pa.table({"hs": ["01"]})), {}, rl.errors.MissingColumnError, "value"),
        (shipments([1.0], ["EUR"]), {"rates": pa.table({**RATE, "date": [DAY]})}, rl.errors.MissingColumnError, "date="),
    ],
)  # fmt: skip
def test_questions_that_have_no_answer(ships, arguments, error, words):
    with pytest.raises(error, match=words):
        ships.convert(**{"to": "USD", "rates": {"EUR": 1.1}, **arguments})


# Without rates: the European Central Bank


def test_the_bank_s_own_package():
    package = pytest.importorskip("currency_converter")
    bank = package.CurrencyConverter(fallback_on_missing_rate=True, fallback_on_missing_rate_method="last_known")
    dates = [dt.date(2023, 4, 6) + dt.timedelta(i) for i in range(12)]  # Easter
    for code in ("EUR", "INR", "USD"):
        ships = shipments([100.0] * 12, [code] * 12, dates).convert("USD")
        assert made(ships) == pytest.approx([bank.convert(100, code, "USD", day) for day in dates], rel=1e-14)
    # The rouble's rates ended on 2022-03-01. Its last rate is not used after that.
    ships = shipments([1.0] * 3, ["RUB"] * 3, [dt.date(2022, 3, 1), dt.date(2022, 3, 11), dt.date(2022, 3, 12)])
    converted = ships.convert("EUR")
    assert [value is None for value in made(converted, "value_eur")] == [False, False, True]
    assert told(converted, "RUB 1 row, whose rates are of ")


class Bank:
    """The documented part of `CurrencyConverter`, with rates of two weeks."""

    ref_currency = "EUR"
    currencies = frozenset({"EUR", "USD", "JPY"})
    rates = {"USD": 1.25, "JPY": 150.0}  # noqa: RUF012
    bounds = dict.fromkeys(currencies, types.SimpleNamespace(first_date=DAY, last_date=days(13)))

    def convert(self, amount, currency, new_currency="EUR", date=None):
        if date.weekday() > 4:
            raise MissingRateError
        return amount / self.rates.get(currency, 1.0) * self.rates.get(new_currency, 1.0)


class MissingRateError(Exception):
    pass


def test_a_bank_that_stands_in(monkeypatch):
    module = types.ModuleType("currency_converter")
    module.CurrencyConverter, module.RateNotFoundError = Bank, MissingRateError
    monkeypatch.setitem(sys.modules, "currency_converter", module)
    # 2023-01-01 is a Sunday, before the first rate; 2023-01-14 is the last Saturday.
    dates = [days(i) for i in (0, 1, 6, 7, 13, 22, 23)]
    ships = shipments([3.0] * 7, ["JPY"] * 7, dates).convert("USD")
    rate = 1 / 150.0 * 1.25
    assert made(ships) == [None, *[3.0 * rate] * 5, None]
    assert told(ships, "reference rates of the ECB up to 2023-01-14")
    with pytest.raises(rl.errors.ArgumentError, match="no rates of INR"):
        shipments([1.0], ["EUR"], [DAY]).convert("INR")
    with pytest.raises(rl.errors.ArgumentError, match="no dates"):
        shipments([1.0], ["EUR"]).convert("USD")
    assert made(shipments([1.0], ["EUR"]).convert("USD", date="2023-01-03")) == [1.25]
    lost = shipments([1.0, 1.0], ["INR", "EUR"], [days(2)] * 2).convert("USD")
    assert made(lost) == [None, 1.25]
    assert told(lost, "INR 1 row")


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "currency_converter", None)
    with pytest.raises(rl.RedlaneError, match=r"pip install redlane\[rates\]"):
        shipments([1.0], ["EUR"], [DAY]).convert("USD")


# The currency of the values


def test_words_for_currencies():
    words = {"usd": 1, "US$": 1, "U.S. DOLLAR": 1, "US Dollars": 1, "EURO": 2, "€": 2, "eur": 2, "Rs": 3, "Rs.": 3, "INR": 3,
             "RMB": 4, "CNY": 4, "Yuan": 4}  # fmt: skip
    ships = shipments([1.0] * len(words), list(words)).convert("USD", {"EUR": 2.0, "INR": 3.0, "CNY": 4.0})
    assert made(ships) == [float(rate) for rate in words.values()]
    assert told(ships, '"Rs" is taken as INR')
    assert told(ships, '"Rs." is taken as INR')
    assert not told(ships, '"INR" is taken')


def test_what_has_no_rate_is_null_and_told():
    currencies = ["EUR", None, "XYZ", "kr", "JPY", "-", "USD"]
    ships = shipments([1.0] * 6 + [None], currencies).convert("USD", {"EUR": 2.0})
    assert made(ships) == [2.0] + [None] * 6
    (note,) = told(ships, "is null in 5 rows with a value")
    for words in ('2 rows without a currency in "currency"', '"XYZ" 1 row', '"kr" 1 row', "JPY 1 row"):
        assert words in note
    (note,) = told(ships, "1 row converted (EUR 1 row at 2)")
    dated = shipments([1.0] * 3, ["EUR"] * 3, pa.array([None, DAY, days(9)], pa.date32()))
    rates = pa.table({"currency": ["EUR"], "rate": [2.0], "date": [days(5)]})
    converted = dated.convert("USD", rates)
    assert made(converted) == [None, None, 2.0]
    assert told(converted, "no date for a choice of rate (EUR 1 row)")
    assert told(converted, "EUR 1 row, whose rates are of 2023-01-06 to 2023-01-06")


def test_old_rates_and_periods_with_gaps_are_told():
    rates = pa.table({"currency": ["EUR"], "rate": [2.0], "date": [DAY]})
    ships = shipments([1.0] * 2, ["EUR"] * 2, [days(31), days(32)])
    assert told(ships.convert("USD", rates), "end on 2023-01-01: 1 row of long after it")
    monthly = [("EUR", dt.date(2023, month, 1), 2.0) for month in range(1, 13)]
    late = shipments([1.0], ["EUR"], [dt.date(2023, 12, 31)]).convert("USD", rates_table(monthly))
    assert not told(late, "long after")
    half = shipments([1.0], ["EUR"], ["2022"]).convert("USD", pa.table({**RATE, "date": ["2022-07-01"]}))
    assert told(half, "1 row in EUR of periods that have no rate for some of their days")
    assert not told(ships.convert("USD", rates, date="2023-01-01"), "periods")


def test_the_layout_or_the_name_says_the_currency():
    baci = {"t": [2022], "i": [276], "j": [643], "k": ["690912"], "v": [1.5], "q": [2.0]}
    ships = rl.read(pa.table(baci), layout="baci", progress=False)
    converted = ships.convert("EUR", {"USD": 0.5})
    assert converted.roles["value"] == "value_eur"
    assert converted.aggregate([], "value")["value"].to_pylist() == [750.0]  # thousands of dollars
    assert converted.aggregate([], "v")["v"].to_pylist() == [1.5]
    # The currency of the invoices does not apply to a column in dollars.
    named = {"hs": ["0901"] * 2, "CIF_VALUE_IN_USD": [1.0, 2.0], "CURRENCY": ["EUR", "INR"]}
    ships = rl.read(pa.table(named), progress=False)
    assert not told(ships, "currencies by")
    assert set(ships.summary()["caution"].to_pylist()) == {None}
    assert made(ships.convert("USD", {"EUR": 9.0})) == [1.0, 2.0]
    assert made(ships.convert("EUR", {"USD": 9.0}), "value_eur") == [9.0, 18.0]
    # The user's argument has priority.
    assert made(ships.convert("USD", {"EUR": 9.0}, currency="EUR")) == [9.0, 18.0]
    local = rl.read(pa.table({"hs": ["01"], "CIF_VALUE_LC": [1.0]}), progress=False)
    assert made(local.convert("USD", {"KZT": 0.002}, currency="KZT")) == [0.002]
    # The name of a column given by the user states its currency.
    rupees = {"hs": ["0901"], "VALUE_INR": [100.0], "VALUE_USD": [1.0]}
    ships = rl.read(pa.table(rupees), columns={"value": "VALUE_INR"}, progress=False)
    assert made(ships.convert("EUR", {"INR": 0.01}), "value_eur") == [1.0]


def test_converting_again():
    ships = shipments([1.0, 2.0], ["EUR", "USD"])
    once = ships.convert("USD", {"EUR": 2.0})
    twice = pickle.loads(pickle.dumps(once)).convert("INR", {"USD": 50.0})
    assert made(twice, "value_inr") == [100.0, 100.0]
    assert twice.columns == ["hs", "value", "currency", "value_usd", "value_inr"]
    again = once.convert("USD", {"EUR": 2.0})
    assert again.roles["value"] == "value_usd_2"
    assert made(again, "value_usd_2") == made(once)


# Parts, copies, orders, threads


@pytest.mark.parametrize("seed", range(2))
def test_parts_copies_and_orders_have_the_same_values(seed):
    records, rates = random_records(seed), random_rates(seed)
    ships = rl.read(records, progress=False)
    whole = made(ships.convert("USD", rates))
    view = ships.where(part=1)
    kept = [value for value, part in zip(whole, records["part"], strict=True) if part == 1]
    converted = view.convert("USD", rates)
    assert made(converted) == kept
    assert len(converted) == len(view)
    assert made(pickle.loads(pickle.dumps(view)).convert("USD", rates)) == kept
    copy = pickle.loads(pickle.dumps(converted))
    assert made(copy) == kept
    assert copy.notes == converted.notes
    assert copy.roles == converted.roles
    assert copy.summary().to_pylist() == converted.summary().to_pylist()
    assert made(ships.convert("USD", rates).where(part=1)) == kept
    order = np.random.default_rng(seed).permutation(len(records)).tolist()
    shuffled = rl.read(records[order], progress=False).convert("USD", rates[::-1])
    assert made(shuffled) == [whole[i] for i in order]
    # Rows keep their numbers of the source.
    rows = rl.Rarity(of="currency", given=("hs2",)).fit_score(view)["row"].to_pylist()
    assert rl.Rarity(of="part", given=("hs2",)).fit_score(converted)["row"].to_pylist() == rows


def test_threads_do_not_matter(threads):
    records, rates = random_records(9, 200_000), random_rates(9)
    results = []
    for number in (1, 2, 5):
        threads(number)
        ships = rl.read(records, progress=False).convert("USD", rates)
        results.append((made(ships), ships.notes, ships.aggregate("part", "value").to_pylist()))
    assert results[0] == results[1] == results[2]


def test_files_of_every_kind(tmp_path):
    records, rates = random_records(5).with_columns(pl.col("value").round(2)), random_rates(5)
    records.write_csv(tmp_path / "x.csv")
    records.write_parquet(tmp_path / "x.parquet", row_group_size=500)
    expected = made(rl.read(records, progress=False).convert("USD", rates))
    for name in ("x.csv", "x.parquet"):
        ships = rl.read(tmp_path / name, progress=False).convert("USD", rates)
        assert made(ships) == expected
        # A column without a role is read from the file at first use.
        assert ships.aggregate([], "part")["part"].to_pylist() == [float(records["part"].sum())]
        assert ships.where(part=2).to_table()["value_usd"].to_pylist() == [
            value for value, part in zip(expected, records["part"], strict=True) if part == 2
        ]


def test_faults_of_the_old_column_stay():
    texts = {"hs": ["0901"] * 3, "value": ["1,5", "oops", "2,5"], "currency": ["EUR", "EUR", "USD"]}
    ships = rl.read(pa.table(texts), progress=False)
    converted = ships.convert("USD", {"EUR": 2.0})
    assert made(converted) == [3.0, None, 2.5]
    for held in (converted, pickle.loads(pickle.dumps(converted))):
        assert held.faults.to_pylist() == ships.faults.to_pylist()
    assert len(ships.faults) == 1


def test_a_part_needs_no_more_than_its_own_rows():
    ships = shipments([1.0, 2.0], ["EUR", "USD"])
    rates = pa.table({**RATE, "date": [DAY]})
    part = ships.where(currency="USD")
    assert made(part.convert("USD", rates)) == [2.0]
    assert made(pickle.loads(pickle.dumps(part)).convert("USD", rates)) == [2.0]


def test_what_is_asked_afterwards_is_in_the_new_currency():
    sample = rl.samples.shipments(3_000, seed=4).ships.to_polars()
    rng = np.random.default_rng(0)
    code = pl.Series([("EUR", "USD")[i] for i in rng.integers(0, 2, len(sample))])
    factor = pl.Series([2.0 if c == "EUR" else 1.0 for c in code])
    ships = rl.read(sample.with_columns(value=pl.col("value") / factor, currency=code), progress=False)
    converted = ships.convert("USD", {"EUR": 2.0})
    plain = rl.read(sample, progress=False)
    for question in (
        lambda s: s.aggregate(["hs2", "year"], ["value", "unit_value.median", "importer.hhi"]),
        lambda s: s.compare("destination", "2023", "2022"),
        lambda s: s.where(value=rl.between(100, 5_000)).aggregate("hs2", "value"),
        lambda s: rl.UnitValue().fit_score(s),
    ):
        assert question(converted).to_pylist() == question(plain).to_pylist()
    assert rl.inject(converted, "overvalued", n=5, seed=1).ships.roles["value"] == "value_usd"


# Warnings without a conversion


@pytest.mark.parametrize("dictionary", [False, True])
@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(0, 100)), st.sampled_from(["EUR", "eur", "US$", "USD", "XYZ", "-", None])
        ),
        min_size=1,
        max_size=30,
    )
)
def test_sums_over_several_currencies_are_told(dictionary, rows):
    code = {"eur": "EUR", "US$": "USD", "-": None}
    counts = Counter(code.get(c, c) for value, c in rows if value is not None and code.get(c, c) is not None)
    values, currencies = zip(*rows, strict=True)
    column = pa.array(currencies, pa.string())
    data = pa.table(
        {"value": pa.array(values, pa.float64()), "currency": column.dictionary_encode() if dictionary else column}
    )
    ships = rl.read(data, columns={"value": "value", "currency": "currency"}, progress=False)
    notes = told(ships, "the values are in")
    caution = {line["role"]: line["caution"] for line in ships.summary().to_pylist()}
    assert caution["currency"] is None
    if len(counts) < 2:
        assert notes == []
        assert caution["value"] is None
        return
    assert notes == [caution["value"]]
    parts = ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    assert f'{len(counts)} currencies by "currency" (rows: {parts})' in notes[0]
    assert '.convert("USD")' in notes[0]
    converted = ships.convert("USD", {"EUR": 1.5})
    assert told(converted, "the values are in") == []
    assert {line["caution"] for line in converted.summary().to_pylist()} == {None}
    # A part with one currency needs no caution; its copy keeps the note on all rows.
    one = ships.where(currency="EUR")
    assert {line["caution"] for line in one.summary().to_pylist()} == {None}
    assert pickle.loads(pickle.dumps(one)).notes == ships.notes


def test_the_plan_tells_what_the_first_rows_show():
    data = pa.table({"hs": ["0901"] * 2, "INVOICE_VALUE_FC": [1.0, 2.0], "CURRENCY": ["EUR", "INR"]})
    (value,) = [line for line in rl.inspect(data).to_pylist() if line["item"] == "value"]
    assert "names 2 currencies (EUR, INR)" in value["why"]
    (note,) = rl.read(data, progress=False).notes
    assert "2 currencies" in note


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_currencies_of_files_are_told_when_read_returns(tmp_path, ending):
    n = 5_000
    frame = pl.DataFrame({"hs": ["0901"] * n, "value": [1.0] * n, "currency": ["USD"] * (n - 1) + ["EUR"]})
    path = tmp_path / f"x.{ending}"
    frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)
    assert told(rl.read(path, progress=False), "(rows: USD 4999, EUR 1)")
    frame = frame.with_columns(currency=pl.lit("USD"))
    frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)
    assert not told(rl.read(path, progress=False), "currencies by")


# On the command line


@pytest.fixture
def files(tmp_path):
    (tmp_path / "x.csv").write_text(
        "hs,value,currency,date,net_weight\n0901,10,EUR,2023-01-05,1\n0901,500,INR,2022-02-05,2\n0902,7,USD,2023-02-05,3\n"
    )
    (tmp_path / "rates.csv").write_text("currency,date,rate\nEUR,2023-01-01,2\nINR,2022-01-01,0.01\n")
    return str(tmp_path / "x.csv"), str(tmp_path / "rates.csv")


def test_the_command_line_converts(capsys, files):
    def run(*arguments):
        main([*arguments])
        return capsys.readouterr()

    data, rates = files
    asked = ("--currency", "USD", "--rates", rates)
    done = run("summary", data, *asked)
    assert "value_usd" in done.out
    assert "2 rows converted" in done.out
    assert "3 currencies" in run("summary", data).out
    done = run("aggregate", data, "--by", "hs4", "--measures", "value", *asked, "-o", "-")
    assert done.out.splitlines() == ["hs4,value", "0901,25.0", "0902,7.0"]
    assert "redlane: " in done.err
    assert "2 rows converted" in done.err
    done = run("aggregate", data, "--measures", "value", *asked, "--where", "value=10..", "-o", "-")
    assert done.out.splitlines() == ["value", "20.0"]
    done = run("compare", data, "--current", "2023", "--base", "2022", *asked, "-o", "-")
    assert done.out.splitlines()[1].startswith("5.0,27.0")
    assert "0 findings among 3" in run("screen", data, "--by", "hs4", *asked).out
    with pytest.raises(SystemExit):
        main(["summary", data, "--rates", rates])
    assert "--currency" in capsys.readouterr().err
