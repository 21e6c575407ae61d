"""Reading one cell: numbers, dates, HS codes, countries, words for a missing value; faults and repairs."""

import datetime
import pickle

import pyarrow as pa
import pytest
import redlane as rl


def read(columns, **options):
    return rl.read(pa.table(columns), progress=False, **options)


def read_csv(tmp_path, text, **options):
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    return rl.read(path, progress=False, **options)


def total(ships, measure="value"):
    return ships.aggregate([], [measure]).to_pylist()[0][measure]


def keys(ships, key):
    return ships.aggregate([key], ["shipments"]).to_pylist()


def values(ships, key):
    return [line[key] for line in keys(ships, key)]


# Numbers


def test_number_columns_of_a_table_vote_together_in_any_order():
    for names in (["value", "net_weight"], ["net_weight", "value"]):
        cells = {"value": ["1.234", "12.500", "950"], "net_weight": ["3,5", "2,25", "1,75"]}
        columns = {"hs": ["010121"] * 3} | {name: cells[name] for name in names}
        ships = read(columns)
        assert total(ships, "net_weight") == 7.5
        assert total(ships) == 14_684
        assert not ships.notes


def test_three_digits_behind_one_sign_are_told():
    ships = read({"hs": ["010121"] * 2, "value": ["1.234", "12.500"]})
    assert any("decimal=" in note and "'value'" in note.replace('"', "'") for note in ships.notes)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1,23,456.50", 123456.5),
        ("USD 1,234.50", 1234.5),
        ("(5)", -5),
        ("5-", -5),
        ("kr 12", 12),
        ("12 EUR", 12),
        ("Rs. 1,23,456", 123456),
        ("(-5)", None),
        ("12 kg", None),
    ],
)
def test_spellings_of_numbers(cell, value):
    ships = read({"hs": ["010121"] * 2, "value": [cell, "1.5"]})
    assert len(ships.faults) == (value is None)
    assert total(ships) == (value or 0) + 1.5


def test_several_currencies_are_told():
    ships = read({"hs": ["690721"] * 5, "value": ["US$ 1,234.50", "USD 12", "R$ 5,00", "₹ 7", "5 EUR"]})
    assert total(ships) == 1263.5
    assert any("several currencies (BRL, EUR, INR, USD)" in note for note in ships.notes)


# Dates


@pytest.mark.parametrize(
    ("cells", "first", "last"),
    [
        ([44927, 44958, 44986], "2023-01-01", "2023-03-01"),
        (["44927", "44958.5"], "2023-01-01", "2023-02-01"),
        (["02012023", "15012023"], "2023-01-02", "2023-01-15"),
        ([2012023, 15012023], "2023-01-02", "2023-01-15"),
        ([2301, 2302, 2312], "2023-01-01", "2023-12-01"),
        (["230131", "230201"], "2023-01-31", "2023-02-01"),
        ([2021.0, 2022.0], "2021-01-01", "2022-01-01"),
        (["2021.0", "2022.0"], "2021-01-01", "2022-01-01"),
        ([202352], "2023-01-01", "2023-01-01"),
        (["202352-Jan.-Dec. 2023"], "2023-01-01", "2023-01-01"),
        (["2023M3", "2023M11"], "2023-03-01", "2023-11-01"),
        (["15-ENE-2023", "1-ABR-2023"], "2023-01-15", "2023-04-01"),
        (["5 мая 2023", "15 Ağustos 2023"], "2023-05-05", "2023-08-15"),
        (["1/1/2023", "2/1/2023", "12/1/2023"], "2023-01-01", "2023-12-01"),
    ],
)
def test_spellings_of_dates(cells, first, last):
    ships = read({"hs": ["010121"] * len(cells), "date": cells})
    assert len(ships.faults) == 0
    days = values(ships, "date")
    assert (min(days), max(days)) == (datetime.date.fromisoformat(first), datetime.date.fromisoformat(last))


@pytest.mark.parametrize(
    "cells",
    [
        ["1899-12-31", "2023-01-01"],
        [18991231, 20230101],
        pa.array([-30_000, 19_358], pa.int32()).cast(pa.date32()),
        pa.array([2**62 // 86_400_000 * 86_400_000, 0], pa.int64()).cast(pa.date64(), safe=False),
        pa.array([2**62, 0], pa.timestamp("s")),
        pa.array([-(2**62), 0], pa.timestamp("ns")),
        pa.array([2**62, 0], pa.timestamp("us", tz="Asia/Seoul")),
    ],
    ids=["text", "integer", "date32", "date64", "seconds", "nanoseconds", "zone"],
)
def test_years_outside_1900_to_2100_are_faults_in_every_source(cells):
    ships = read({"hs": ["010121"] * 2, "date": cells})
    assert [(f["row"], f["reason"]) for f in ships.faults.to_pylist()] == [
        (0, "not a date between the years 1900 and 2100")
    ]
    assert keys(ships, "year")[-1] == {"year": None, "shipments": 1}


def test_timestamps_keep_the_day_of_their_zone():
    stamp = pa.array([datetime.datetime(2023, 1, 1, 20)], pa.timestamp("us", tz="UTC"))
    assert values(read({"hs": ["01"], "date": stamp}), "date") == [datetime.date(2023, 1, 1)]
    seoul = stamp.cast(pa.timestamp("us", tz="Asia/Seoul"))
    assert values(read({"hs": ["01"], "date": seoul}), "date") == [datetime.date(2023, 1, 2)]


def test_years_tell_no_months():
    ships = read({"hs": ["010121"] * 2, "year": [2022, 2023], "value": [1.0, 2.0]})
    assert len(keys(ships, "date")) == 2
    for key in ("month", "quarter", "day", "week"):
        with pytest.raises(rl.SchemaError, match="the dates are years"):
            ships.aggregate([key], ["value"])
    with pytest.raises(rl.SchemaError, match="the dates are years"):
        rl.Surge(by=("hs",)).fit(ships)
    months = read({"hs": ["010121"] * 2, "date": ["2023-01", "2023-05"], "value": [1.0, 2.0]})
    assert len(keys(months, "quarter")) == 2
    with pytest.raises(rl.SchemaError, match="the dates are months"):
        months.aggregate(["day"], ["value"])


def test_notes_are_complete_when_read_returns(tmp_path):
    ships = read_csv(tmp_path, "HS,DATE,VALUE\n" + "".join(f"610990,{m}/1/2023,{m}\n" for m in range(1, 13)))
    before = ships.notes
    assert any("month/day" in note for note in before)
    assert len(keys(ships, "month")) == 12
    assert ships.notes == before


# HS codes


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        ([10121000, 854231000], ["010121000", "854231000"]),
        ([10121, 854231], ["010121", "854231"]),
        ([201100510, 409000025], ["0201100510", "0409000025"]),
        ([10121.0, None], ["010121", None]),
        (['="01012100"', "02011000"], ["01012100", "02011000"]),
        (["'010121000'", "'854231000'"], ["010121000", "854231000"]),
        (["02: Meat and offal", "0202: Meat, frozen", "02022010 - x", "03 Fish"], ["02", "0202", "02022010", "03"]),
        ([-99, 8806], ["8806", None]),
        ([8806.5, 8806.0], ["8806", None]),
        (["-99", "8806.5", "8806.22"], ["880622", None]),
    ],
)
def test_spellings_of_hs_codes(cells, codes):
    assert values(read({"hs": cells, "value": [1.0] * len(cells)}), "hs") == codes


# Countries


def test_countries_of_every_kind_are_one_key(tmp_path):
    kinds = {
        "m49": pa.array([643, 156, 710]),
        "iso3": ["RUS", "CHN", "ZAF"],
        "names": ["Russian Federation", "CHINA", "South Africa"],
        "spanish": ["Federación de Rusia", "China", "Sudáfrica"],
        "iso2": ["RU", "CN", "ZA"],
    }
    for cells in kinds.values():
        ships = read({"hs": ["01"] * 3, "origin": cells, "value": [1.0, 2.0, 3.0]})
        assert values(ships, "origin") == ["CN", "RU", "ZA"]
        for wanted in ("RU", "RUS", 643, "Russian Federation", "Россия"):
            assert len(ships.where(origin=wanted)) == 1, wanted


def test_what_is_no_country_stays_and_is_told():
    cells = ["Areas, nes", "Areas, nes", "Viet Nam", "Korea, Republic of", None]
    ships = read({"hs": ["01"] * 5, "COUNTRY_OF_ORIGIN": cells})
    assert values(ships, "origin") == ["Areas, nes", "KR", "VN", None]
    assert any('"Areas, nes" (2)' in note for note in ships.notes)
    assert values(ships, "COUNTRY_OF_ORIGIN") == ["Areas, nes", "Korea, Republic of", "Viet Nam", None]
    assert ships.to_table().to_pylist()[2]["COUNTRY_OF_ORIGIN"] == "Viet Nam"
    assert len(ships.where(origin="Areas, nes")) == 2


def test_numbers_are_m49_only_where_all_are():
    assert values(read({"hs": ["01"] * 3, "origin": [103, 105, 156]}), "origin") == ["103", "105", "156"]
    ships = read({"hs": ["01"] * 3, "origin": [842, 0, 4]})
    assert values(ships, "origin") == ["0", "AF", "US"]
    assert any("M49" in note for note in ships.notes)


def test_na_is_namibia_among_codes_and_nothing_among_names():
    assert values(read({"hs": ["01"] * 2, "origin": ["NA", "BW"]}), "origin") == ["BW", "NA"]
    assert values(read({"hs": ["01"] * 2, "origin": ["NA", "Botswana"]}), "origin") == ["BW", None]


def test_diversion_takes_any_name_of_a_country():
    sample = rl.samples.shipments(20_000).ships
    by_code = rl.Diversion(target="RU", event="2022-03").fit_score(sample)
    by_name = rl.Diversion(target="Russian Federation", event="2022-03").fit_score(sample)
    assert by_code.to_pylist() == by_name.to_pylist()


# Firms


def test_words_for_nothing_are_no_firms():
    columns = {
        "hs": ["690721"] * 5,
        "IMPORTER_NAME": ["NULL", "N/A", "Orion Stores", "TO THE ORDER OF X BANK", "-"],
        "value": [5.0] * 5,
    }
    ships = read(columns)
    assert values(ships, "importer") == ["Orion Stores", None]
    assert any("1 rows are made out to order" in note for note in ships.notes)
    assert len(values(ships, "IMPORTER_NAME")) == 5
    importer = next(line for line in ships.summary().to_pylist() if line["role"] == "importer")
    assert (importer["nulls"], importer["distinct"]) == (4, 1)


def test_repeats_of_unknown_parties_are_not_scored(tmp_path):
    text = "HS,DATE,IMPORTER,EXPORTER,VALUE,NET_WEIGHT\n"
    text += "".join(f"690721,2023-01-0{d},,NULL,500,5\n" for d in (1, 3, 5))
    text += "690721,2023-01-06,Orion,Beta,700,7\n"
    scores = rl.Repeats().fit_score(read_csv(tmp_path, text)).to_pylist()
    assert [s["reason"] for s in scores[:3]] == ["not scored: the parties are not known"] * 3
    assert all(s["score"] is None for s in scores[:3])
    assert scores[3]["score"] is not None


# Faults and repairs


def test_repairs_are_no_faults():
    table = pa.table({"hs": [10121, 854231, -1], "value": [1.0, 2.0, 3.0]})
    ships = rl.read(table, progress=False)
    assert ships.repairs.to_pylist() == [
        {
            "row": 0,
            "column": "hs",
            "raw": "10121",
            "value": "010121",
            "reason": "leading zero restored: the code was stored as a number",
        }
    ]
    assert [f["row"] for f in ships.faults.to_pylist()] == [2]
    hs = ships.summary().to_pylist()[0]
    assert (hs["faults"], hs["repairs"]) == (1, 1)
    assert len(rl.read(table.slice(0, 2), on_fault="raise", progress=False)) == 2
    with pytest.raises(rl.FaultError):
        rl.read(table, on_fault="raise", progress=False)


def test_copies_of_some_rows_read_like_the_whole():
    ships = read(
        {
            "hs": [10121000, 854231000],
            "date": ["3/4/2023", "3/13/2023"],
            "origin": [4, 710],
            "value": ["1.234", "3,5"],
        }
    )
    part = ships.where(origin="AF")
    copy = pickle.loads(pickle.dumps(part))
    for key in ("hs", "date", "origin"):
        assert keys(copy, key) == keys(part, key)
    assert total(copy) == total(part) == 1234
    assert [r["value"] for r in copy.repairs.to_pylist()] == ["010121000"]
