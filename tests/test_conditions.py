"""Conditions as people write them: ranges, lists, HS codes, numbers and dates."""

import copy
import datetime as dt
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import redlane as rl
from redlane.errors import ArgumentError

CODES = ["0101", "880100", "88062210", "880730", "8901", "93", None]


def ships(**columns):
    count = len(next(iter(columns.values())))
    return rl.read(pa.table({"hs": ["88"] * count, "value": [1.0] * count} | columns), progress=False)


def held(part, name):
    return part.to_table()[name].to_pylist()


@pytest.fixture(scope="module")
def coded():
    return rl.read(pa.table({"hs": CODES, "value": [1.0] * len(CODES)}), progress=False)


# Ranges


def test_between_is_a_small_frozen_value():
    span = rl.between("2022", None)
    assert repr(span) == "between('2022', None)"
    assert span == rl.between("2022", None) != rl.between("2022", "2023")
    assert len({span, rl.between("2022", None)}) == 1
    assert pickle.loads(pickle.dumps(span)) == copy.deepcopy(span) == span
    assert (span.first, span.last) == ("2022", None)
    with pytest.raises(AttributeError):
        span.first = "2021"


def test_both_ends_are_included_and_none_is_open():
    s = ships(n=[1, 2, 3, None])
    assert held(s.where(n=rl.between(1, 2)), "n") == [1, 2]
    assert held(s.where(n=rl.between(2, None)), "n") == [2, 3]
    assert held(s.where(n=rl.between(None, 2)), "n") == [1, 2]
    assert held(s.where(n=rl.between(None, None)), "n") == [1, 2, 3]
    assert held(s.where(n=rl.between(2, 2)), "n") == [2]


@pytest.mark.parametrize("end", [float("nan"), np.float32("nan"), Decimal("nan"), pd.NaT, pd.NA, np.datetime64("NaT")])
def test_an_end_that_is_no_value_is_told(end):
    for pair in ((end, 5), (5, end)):
        with pytest.raises(ArgumentError, match="write None for an open end"):
            rl.between(*pair)


@pytest.mark.parametrize("end", [[1, 2], (1,), {1}, np.array([1]), rl.between(1, 2)])
def test_an_end_that_is_several_values_is_told(end):
    with pytest.raises(ArgumentError, match="an end is one value"):
        rl.between(end, None)


@pytest.mark.parametrize(
    "several",
    [
        [1, 3],
        (1, 3),
        (3, 1, 1),
        {1, 3},
        frozenset({1, 3}),
        np.array([1, 3]),
        pd.Series([1, 3]),
        pd.Index([1, 3]),
        pl.Series([1, 3]),
        pa.array([1, 3]),
        pa.chunked_array([[1], [3]]),
        iter([1, 3]),
        range(1, 4, 2),
        [pa.scalar(1), np.array(3)],
        ("1", "3"),
    ],
    ids=lambda several: type(several).__name__,
)
def test_whatever_holds_several_values_is_any_of_them(several):
    assert held(ships(n=[1, 2, 3, 4]).where(n=several), "n") == [1, 3]


def test_a_column_of_a_result_is_any_of_its_values():
    s = ships(firm=["a", "b", "c"])
    listed = s.where(firm=("a", "c")).aggregate("firm", "shipments")
    assert held(s.where(firm=listed["firm"]), "firm") == ["a", "c"]


def test_a_list_may_hold_ranges():
    s = ships(n=[1, 2, 3, 4, 5, None], word=["a", "b", "c", "d", "e", None])
    assert held(s.where(n=[rl.between(None, 1), 3, rl.between(5, None)]), "n") == [1, 3, 5]
    assert held(s.where(n=(rl.between(1, 2), rl.between(2, 3), None)), "n") == [1, 2, 3, None]
    assert held(s.where(word=[rl.between("a", "b"), "d", None]), "word") == ["a", "b", "d", None]


def test_ranges_of_dates_may_stand_in_a_list(coded):
    s = ships(date=[dt.date(2021, 5, 1), dt.date(2022, 5, 1), dt.date(2023, 5, 1)])
    assert len(s.where(date=[rl.between(None, "2021"), rl.between("2023-05", None)])) == 2
    assert len(s.where(date=["2021", rl.between("2023", "2023")])) == 2


@pytest.mark.parametrize("pair", [(None, 5), (5, None), (None, None), (pd.NaT, 5), (5, pd.NA)])
def test_the_old_open_range_says_how_to_write_it(pair):
    with pytest.raises(ArgumentError, match=r"write rl\.between\("):
        ships(n=[1, 5]).where(n=pair)


def test_the_old_open_range_says_it_word_for_word():
    with pytest.raises(ArgumentError, match=r"write rl\.between\(None, 5\).*\[None, 5\]"):
        ships(n=[1, 5]).where(n=(None, 5))
    assert held(ships(n=[1, 5, None]).where(n=[None, 5]), "n") == [5, None]


def test_a_tuple_of_two_is_two_values():
    assert held(ships(n=[1, 2, 3]).where(n=(1, 3)), "n") == [1, 3]
    s = ships(date=[dt.date(year, 5, 1) for year in (2021, 2022, 2023)])
    assert len(s.where(date=("2021", "2023"))) == 2


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("n", 5, 1),
        ("n", "5", "1"),
        ("n", 2.6, 2.4),
        ("n", 2**62 + 1, 2**62),
        ("x", 5.0, 1.0),
        ("paid", Decimal("2.5"), Decimal("2.4")),
        ("date", "2023", "2022"),
        ("date", "2023-03-02", "2023-03-01"),
        ("date", dt.date(2023, 1, 2), dt.date(2023, 1, 1)),
        ("year", 2023, 2022),
        ("at", dt.datetime(2023, 1, 1, 12), dt.datetime(2023, 1, 1, 11)),
        ("at", "2023", "2022"),
        ("word", "b", "a"),
        ("word", 9, 10),
        ("hs", "8807", "8801"),
        ("hs6", "8807", "8801"),
        ("flag", True, False),
    ],
)
def test_a_range_that_ends_before_it_begins_is_told(name, first, last):
    s = ships(
        n=[1],
        x=[1.0],
        paid=[Decimal("1.00")],
        date=[dt.date(2023, 1, 1)],
        at=[dt.datetime(2023, 1, 1)],
        word=["a"],
        flag=[True],
    )
    with pytest.raises(ArgumentError, match=f'"{name}": the range from .* ends before it begins; write .*between'):
        s.where(**{name: rl.between(first, last)})


def test_a_range_between_two_values_of_a_column_holds_nothing():
    s = ships(n=[2, 3], date=[dt.date(2023, 6, 1), dt.date(2023, 7, 1)])
    assert len(s.where(n=rl.between(2.4, 2.6))) == 0
    assert len(s.where(n=rl.between(2.5, 2.5))) == 0
    assert len(s.where(date=rl.between("2023-06", "2023"))) == 2


def test_conditions_on_one_column_add_up_by_calling_where_again():
    s = ships(n=[1, 2, 3, 4])
    assert held(s.where(n=rl.between(2, None)).where(n=[1, 2, 3]), "n") == [2, 3]
    assert len(s.where(n=1).where(n=2)) == 0


# HS codes


def test_hs_keys_match_by_prefix(coded):
    assert held(coded.where(hs6="88"), "hs") == CODES[1:4]
    assert held(coded.where(hs6="8806.22"), "hs") == ["88062210"]
    assert held(coded.where(hs4=["88.06", "89"]), "hs") == ["88062210", "8901"]
    assert held(coded.where(hs2="93"), "hs") == ["93"]
    assert held(coded.where(hs2=None), "hs") == [None]
    assert held(coded.where(hs2=[88, 93]), "hs") == [*CODES[1:4], "93"]
    assert held(coded.where(hs10="88062210"), "hs") == ["88062210"]


def test_the_end_of_a_range_of_codes_covers_all_that_begin_with_it(coded):
    assert held(coded.where(hs6=rl.between("8801", "8807")), "hs") == CODES[1:4]
    assert held(coded.where(hs6=rl.between("8801", "8806")), "hs") == CODES[1:3]
    assert held(coded.where(hs=rl.between("8806", "89")), "hs") == CODES[2:5]
    assert held(coded.where(hs4=rl.between("8801", "88")), "hs") == CODES[1:4]
    assert held(coded.where(hs6=[rl.between(None, "01"), "93"]), "hs") == ["0101", "93"]


@pytest.mark.parametrize("wanted", ["8806", ["88", "88.06"], 8806, rl.between("8806", None), rl.between("88", "8807")])
def test_a_code_longer_than_its_key_is_told(coded, wanted):
    with pytest.raises(ArgumentError, match='longer than the 2 digits of hs2; write hs="880'):
        coded.where(hs2=wanted)


def test_a_number_that_lost_its_zero_is_told(coded):
    for name in ("hs", "hs2", "hs4"):
        with pytest.raises(ArgumentError, match='write "01", or "1" for all codes that begin with 1'):
            coded.where(**{name: 1})
    assert held(coded.where(hs2="01"), "hs") == ["0101"]


# Numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e6", 1_000_000),
        ("1_000", 1000),
        ("1,000.50", Decimal("1000.50")),
        ("1.000,50", Decimal("1000.50")),
        ("1,000,000", 1_000_000),
        ("1 000 000", 1_000_000),
        ("1000,5", Decimal("1000.5")),
        ("-1_000", -1000),
        (" 1000 ", 1000),
        ("1.000", 1),
    ],
)
def test_numbers_as_people_write_them(text, number):
    values = [Decimal(number), Decimal(7)]
    s = ships(
        paid=pa.array(values, pa.decimal128(20, 2)),
        x=[float(v) for v in values],
        n=[int(v) for v in values],
    )
    for name in ("paid", "x", "n") if number == int(number) else ("paid", "x"):
        assert len(s.where(**{name: text})) == 1
        assert len(s.where(**{name: rl.between(text, text)})) == 1


@pytest.mark.parametrize("name", ["n", "x", "paid", "value"])
def test_a_number_that_may_be_two_is_told(name):
    s = ships(n=[1], x=[1.0], paid=[Decimal("1.00")])
    for wanted in ("1,000", [5, "1,000"], rl.between("1,000", None)):
        with pytest.raises(ArgumentError, match=f'"{name}" holds numbers, and "1,000" may be 1000 or 1.000; write one'):
            s.where(**{name: wanted})
    with pytest.raises(ArgumentError, match="is not one"):
        s.where(**{name: "1,00,0"})


def test_ids_that_are_numbers_have_ranges_of_written_numbers():
    s = rl.read(pa.table({"id": [9, 10, 100], "hs": ["88"] * 3, "value": [1.0] * 3}), progress=False)
    assert held(s.where(id=rl.between("9", "10")), "id") == [9, 10]
    assert held(s.where(id=[rl.between(9, 10), 100]), "id") == [9, 10, 100]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_the_nearest_float_of_the_column_is_compared(kind):
    s = ships(x=pa.array(np.array([0.1, 0.2], kind.to_pandas_dtype())))
    for tenth in (0.1, "0.1", Decimal("0.1"), np.float32(0.1), np.float16(0.1)):
        assert len(s.where(x=tenth)) == len(s.where(x=rl.between(None, tenth))) == 1
    assert len(s.where(x=1e300)) == 0


# Dates


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("2023", 4),
        ("2023-03", 2),
        ("2023-Q2", 1),
        ("2023-03-01", 1),
        ("01.03.2023", 1),
        ("3 March 2023", 1),
        ("March 3, 2023", 1),
        ("25/12/2023", 1),
        ("12/25/2023", 1),
        (dt.date(2023, 3, 1), 1),
        (dt.datetime(2023, 3, 1, 12), 1),
        (pd.Timestamp("2023-03-01"), 1),
        (pd.Period("2023-03", "M"), 2),
        (pd.Period("2023Q1", "Q"), 2),
        (pd.Period("2023-03-01", "D"), 1),
        (np.datetime64("2023-03-01"), 1),
        (np.datetime64("2023-03"), 2),
        (2023, 4),
        (rl.between("2023-03", "2023-Q2"), 3),
        (rl.between("01.03.2023", "3 March 2023"), 2),
        (rl.between(pd.Period("2023-03", "M"), pd.Period("2023-05", "M")), 3),
        (rl.between(dt.date(2023, 3, 2), "2023"), 3),
    ],
    ids=str,
)
def test_dates_as_people_write_them(wanted, count):
    days = [dt.date(2023, 3, 1), dt.date(2023, 3, 3), dt.date(2023, 5, 1), dt.date(2023, 12, 25), None]
    assert len(ships(date=days).where(date=wanted)) == count
    assert len(ships(sent=days).where(sent=wanted)) == count


def test_an_hour_of_pandas_is_a_stretch_of_time():
    s = ships(at=[dt.datetime(2023, 3, 1, 10), dt.datetime(2023, 3, 1, 10, 59), dt.datetime(2023, 3, 1, 11)])
    assert len(s.where(at=pd.Period("2023-03-01 10:00", "h"))) == 2


@pytest.mark.parametrize("wanted", ["3/1/2023", "01-03-2023", rl.between("3/1/2023", None), ["2023", "3/1/2023"]])
def test_a_date_that_may_be_two_is_told(wanted):
    s = ships(date=[dt.date(2023, 3, 1)], at=[dt.datetime(2023, 3, 1)])
    for name in ("date", "at", "year"):
        with pytest.raises(ArgumentError, match=f'"{name}" is a date, and .* may be 2023-0[13]-0[13] or 2023-0[13]-0'):
            s.where(**{name: wanted})


def test_a_text_with_a_time_of_day_is_an_instant_of_the_role_too():
    s = ships(date=[dt.datetime(2023, 1, 1, 12), dt.datetime(2023, 1, 1, 13)])
    assert len(s.where(date="2023-01-01 12:00")) == 1
    assert len(s.where(date=rl.between("2023-01-01 12:30", None))) == 1


# Windows


def test_windows_take_ranges():
    s = rl.samples.shipments(5_000).ships
    pair = s.compare("hs2", ("2023-01", "2023-06"), ("2022-01", "2022-06")).to_pylist()
    span = rl.between("2023-01", "2023-06"), rl.between(dt.date(2022, 1, 1), "2022-06")
    assert s.compare("hs2", *span).to_pylist() == pair
    assert s.compare("hs2", ["2023-01", "2023-06"], ("2022-01", "2022-06")).to_pylist() == pair
    one = rl.Divergence(current=("2023", "2023"), base="2022").fit_score(s).to_pylist()
    made = rl.Divergence(current=rl.between("2023", "2023"), base=rl.between("2022", "2022"))
    assert made.fit_score(s).to_pylist() == one
    assert repr(made).count("between('2023', '2023')") == 1


def test_a_window_that_is_open_or_may_be_two_is_told():
    s = rl.samples.shipments(500).ships
    with pytest.raises(ArgumentError, match=r"current=between\(None, '2023'\): a window has two ends"):
        s.compare("hs2", rl.between(None, "2023"), "2022")
    with pytest.raises(ArgumentError, match=r"base.*a window has two ends"):
        rl.Divergence(current="2023", base=rl.between("2022", None)).fit(s)
    with pytest.raises(ArgumentError, match='current="3/1/2023" may be 2023-01-03 or 2023-03-01; write one of these'):
        s.compare("hs2", "3/1/2023", "2022")
    with pytest.raises(ArgumentError, match="current ends before it begins"):
        s.compare("hs2", rl.between("2023", "2021"), "2022")


def test_a_reference_takes_the_same_conditions():
    s = rl.samples.shipments(5_000).ships
    ask = lambda wanted: s.compare("hs2", "2023", "2022", against={"destination": wanted}).to_pylist()  # noqa: E731
    assert ask(("RU", "UA")) == ask(["UA", "RU"]) == ask({"RU", "UA"}) == ask(pl.Series(["RU", "UA"]))
    with pytest.raises(ArgumentError, match=r"rl\.between"):
        ask((None, "RU"))


def test_what_is_no_value_is_told():
    s = ships(n=[1])
    for wanted in (object(), b"1", {"a": 1}, 1j, [[1, 2]], np.array([[1]]), [b"1"], pd.DataFrame({"n": [1]})):
        with pytest.raises(ArgumentError):
            s.where(n=wanted)


@pytest.mark.parametrize("wrong", ["69*", "69-09", "ABC", "６９", True, 69.5])
def test_what_is_no_hs_code_is_an_error(wrong):
    with pytest.raises(ArgumentError, match="HS code"):
        ships(hs=["690912", "880622"]).where(hs=wrong)


def test_a_text_that_is_no_unicode_is_an_error():
    with pytest.raises(ArgumentError, match="Unicode"):
        ships(origin=["CN"]).where(origin="\ud800")
