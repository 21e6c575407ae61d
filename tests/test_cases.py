"""Small files with difficulties, each read with its path as the only argument. `cases.md` beside them has the expected results."""

import datetime as dt
import re

import pytest
import redlane as rl
from redlane.cli import main

COVERED = []


@pytest.fixture
def ships(cases, request):
    return rl.read(cases / request.param)


def case(name):
    """Marks the test of this file of the folder."""
    COVERED.append(name)
    return pytest.mark.parametrize("ships", [name], indirect=True)


def total(ships, measure="value"):
    return ships.aggregate([], measure).to_pylist()[0][measure.replace(".", "_")]


def keys(ships, by):
    """The keys with the number of their rows."""
    return {row[by]: row["shipments"] for row in ships.aggregate(by, "shipments").to_pylist()}


def days(ships):
    return {str(day): n for day, n in keys(ships, "date").items() if day is not None}


def pairs(ships):
    rows = ships.aggregate(["origin", "destination"], "shipments").to_pylist()
    return {(row["origin"], row["destination"]) for row in rows}


def noted(ships, *words):
    """Whether one note has all these words."""
    return any(all(word in note for word in words) for note in ships.notes)


def faults(ships):
    return [(f["row"], f["column"]) for f in ships.faults.to_pylist()]


def test_every_case_has_a_test(cases):
    there = {path.name for path in cases.iterdir() if path.is_file() and path.suffix not in (".md", ".py")}
    assert there == set(COVERED)
    assert len(COVERED) == len(set(COVERED))
    lines = (cases / "cases.md").read_text(encoding="utf-8").splitlines()
    first = [line.split("|")[1] for line in lines if re.match(r"\|\s*\d", line)]
    told = {word for cell in first for word in re.findall(r"\d\w+\.(?:csv|parquet)", cell)}
    assert told <= set(COVERED)


@case("01_weight_units.csv")
def test_kilograms_go_before_pounds(ships):
    assert ships.roles["net_weight"] == "WEIGHT_IN_KG"
    assert total(ships, "net_weight") == pytest.approx(1_810.77)
    assert total(ships) == 20_000
    assert noted(ships, '"WEIGHT"')
    assert noted(ships, "gross")


@case("02_year_month.csv")
def test_year_and_month_make_a_date(ships):
    assert ships.roles["date"] == "date"
    expected = {f"{year}-{month:02}-01": 1 for year in (2022, 2023) for month in range(1, 13)}
    assert {str(day): n for day, n in keys(ships, "month").items()} == expected
    grown = ships.compare([], "2022-12", "2022-11").to_pylist()[0]
    assert (grown["current"], grown["base"]) == (1_200, 1_100)
    assert noted(ships, "YEAR", "MONTH")


@case("02b_year_monthname_day.csv")
def test_year_name_of_month_and_day_make_a_date(ships):
    assert days(ships) == {"2024-12-12": 1, "2024-11-03": 1, "2024-01-30": 1}
    assert total(ships) == 1_200


@case("03_currency_choice_mixed.csv")
def test_one_stated_currency_goes_before_mixed_ones(ships):
    assert ships.roles["value"] == "CIF_VALUE_IN_USD"
    assert total(ships) == 3_080
    assert noted(ships, "CIF_VALUE_FCY", "US dollars")


@case("03b_currency_choice_order.csv")
def test_dollars_go_before_local_money_in_any_order(ships, tmp_path):
    table = ships.to_table().to_polars()
    table.select(reversed(table.columns)).write_csv(tmp_path / "turned.csv")
    for read in (ships, rl.read(tmp_path / "turned.csv")):
        assert read.roles["value"] == "CIF_IN_USD"
        assert total(read) == 1_500
        assert noted(read, "US dollars", "CIF_IN_UGX")


@case("03d_value_zero_column.csv")
def test_zeros_throughout_are_no_value(ships):
    assert total(ships) == 4_238.65
    assert noted(ships, "INVOICE_VALUE_FC", "zeros")


@case("04_thousands_point.csv")
def test_a_point_before_thousands(ships):
    assert (total(ships), total(ships, "net_weight")) == (14_684, 7.5)
    assert faults(ships) == []


@case("04b_three_decimals.csv")
def test_three_decimals_behind_a_comma(ships):
    assert (total(ships), total(ships, "net_weight")) == (pytest.approx(20.8), 994.5)
    assert faults(ships) == []


@case("05_open_quote.csv")
def test_an_inch_mark_swallows_no_record(ships):
    assert (len(ships), total(ships)) == (5, 31)
    assert [(r["row"], r["column"]) for r in ships.repairs.to_pylist()] == [(1, "DESCRIPTION")]


@case("06_totals_world.csv")
def test_rows_of_the_partner_world_are_totals(ships):
    assert len(ships) == 3
    assert set(keys(ships, "origin")) == {None, "Sylvania", "Osterlich"}
    assert any(re.search(r"\b1 row\b", note) and "World" in note and "total" in note for note in ships.notes)
    parts = ships.without_totals()
    assert (len(parts), total(parts), total(parts, "net_weight")) == (2, 100, 30)
    assert set(keys(parts, "origin")) == {"Sylvania", "Osterlich"}


@case("06b_totals_levels.csv")
def test_short_codes_are_totals_of_longer_ones(ships):
    assert len(ships) == 4
    assert any(re.search(r"\b[23] rows\b", note) and "total" in note for note in ships.notes)
    parts = ships.without_totals()
    assert (len(parts), total(parts), total(parts, "net_weight")) == (1, 100, 30)
    assert {row["hs2"]: row["value"] for row in parts.aggregate("hs2", "value").to_pylist()} == {"01": 100}


@case("06d_total_row.csv")
def test_a_row_of_sums_is_no_shipment(ships):
    assert len(ships) == 3
    told = [fault for fault in ships.faults.to_pylist() if "looks like the total of the column" in fault["reason"]]
    assert {fault["row"] for fault in told} == {0}
    assert {"value", "net_weight"} <= {fault["column"] for fault in told}
    assert (total(ships), total(ships, "net_weight")) == (1_100, 33)


@case("07_zero_weight.csv")
def test_a_weight_of_zero_is_no_weight(ships):
    assert (total(ships, "unit_value"), total(ships, "unit_value.median")) == (10, 10)
    scores = rl.UnitValue(by="hs", min_peers=3, backoff=()).fit_score(ships).to_pylist()
    assert "net_weight is zero" in scores[2]["reason"]


@case("08_hs9_integers.parquet")
def test_codes_stored_as_numbers_get_the_length_of_the_longest(ships):
    assert set(keys(ships, "hs")) == {"854231000", "870323919", "010121000"}
    assert keys(ships, "hs2") == {"01": 1, "85": 1, "87": 1}
    assert [r["raw"] for r in ships.repairs.to_pylist()] == ["10121000"]


@case("09_sitc.csv")
def test_codes_of_another_classification_are_no_hs_codes(ships):
    assert "hs" not in ships.roles
    assert noted(ships, "S4", "Harmonized System")
    assert total(ships) == 12


@case("10_mixed_measures.csv")
def test_tonnes_and_dollars_are_not_added(ships):
    assert "value" not in ships.roles
    assert noted(ships, '.where(Element="Export Value")')


@case("11_reversed_direction.csv")
def test_plain_names_of_the_sides_go_before_ambiguous_ones(ships):
    assert (ships.roles["origin"], ships.roles["destination"]) == ("CTY_Origin", "CTY_Dest")
    assert pairs(ships) == {("VU", "FJ"), ("AU", "VU")}
    assert (total(ships), total(ships, "net_weight")) == (1_200, 30)


@case("12_null_words.csv")
def test_words_for_nothing_are_no_firms(ships):
    assert keys(ships, "importer") == {None: 3, "Orion Stores": 1}
    assert keys(ships, "exporter") == {None: 3, "Beta Tiles": 1}
    assert keys(ships, "destination") == {"NA": 3, "BW": 1}
    nulls = {line["role"]: line["nulls"] for line in ships.summary().to_pylist()}
    assert (nulls["importer"], nulls["exporter"], nulls["destination"]) == (3, 3, 0)


@case("12b_repeats_blank_parties.csv")
def test_unknown_parties_do_not_repeat_one_another(ships):
    scores = rl.Repeats().fit_score(ships).to_pylist()
    assert [row["score"] for row in scores[:3]] == [None] * 3
    assert all("parties are not known" in row["reason"] for row in scores[:3])


@case("13_months_us_order.csv")
def test_twelve_first_days_of_months(ships, cases, capsys):
    assert days(ships) == {f"2023-{month:02}-01": 1 for month in range(1, 13)}
    assert noted(rl.read(cases / "13_months_us_order.csv"), "DATE", "month/day")
    main(["summary", str(cases / "13_months_us_order.csv")])
    assert "month/day" in "".join(capsys.readouterr())


@case("14_yymm.csv")
def test_years_of_two_digits(ships):
    assert days(ships) == {"2023-01-01": 1, "2023-02-01": 1, "2023-12-01": 1}
    assert noted(ships, "DATE", "2301")


@case("15_gbk.csv")
def test_chinese_text_in_gb18030(ships):
    assert ships.columns == ["商品编码", "商品名称", "贸易伙伴名称", "第一数量", "第一计量单位", "美元"]
    assert set(keys(ships, "hs")) == {"01012100", "02011000"}
    assert set(keys(ships, "description")) == {"改良种用马", "牛肉"}
    assert total(ships) == 1_200
    assert noted(ships, "not UTF-8", "gb18030")


@case("15b_cp1251.csv")
def test_russian_text_in_windows_1251(ships):
    assert ships.layout == "russia"
    assert (total(ships), total(ships, "net_weight"), total(ships, "quantity")) == (518_388, 1_850_970.5, 4_322)
    assert pairs(ships) == {("CN", "RU"), ("RU", "KZ")}
    assert ships.to_table()["OPISANIE"].to_pylist() == ["микросхемы", "пиломатериалы"]
    assert noted(ships, "windows-1251")


@case("16_preamble_padded.csv")
def test_titles_padded_with_delimiters(ships):
    assert ships.columns == ["Country", "HS Code", "Value US$"]
    assert (len(ships), total(ships)) == (2, 1_100)
    assert set(keys(ships, "hs")) == {"010121", "020110"}
    assert noted(ships, "4 lines above the header left out")


@case("17_trailing_comma.csv")
def test_a_delimiter_too_many_in_every_row(ships):
    assert (len(ships), total(ships), total(ships, "net_weight")) == (2, 1_200, 30)
    assert pairs(ships) == {("BBB", "AAA"), ("CCC", "AAA")}
    assert faults(ships) == []


@case("18_preamble.csv")
def test_titles_of_one_cell(ships):
    assert (len(ships), total(ships)) == (2, 36)
    sides = ("exporter", "importer") if "exporter" in ships.roles else ("origin", "destination")
    assert [ships.roles[side] for side in sides] == ["Supplier", "Recipient"]
    assert noted(ships, "3 lines above the header left out")


@case("19_sep_line.csv")
def test_a_line_that_names_the_delimiter(ships):
    assert ships.columns == ["HS", "VALUE", "NET WEIGHT"]
    assert (len(ships), total(ships), total(ships, "net_weight")) == (2, 12, 3)


@case("20_nul_byte.csv")
def test_a_zero_byte_in_a_cell(ships):
    assert (len(ships), total(ships)) == (2, 3)
    assert ships.to_table()["DESCRIPTION"].to_pylist() == ["horse", "beef"]
    told = ships.faults.to_pylist() + ships.repairs.to_pylist()
    assert [(line["row"], line["column"]) for line in told] == [(0, "DESCRIPTION")]


@case("21_comext_annual.csv")
def test_month_52_is_the_year(ships):
    assert ships.layout == "comext"
    assert {year.year: n for year, n in keys(ships, "year").items()} == {2023: 2}
    assert faults(ships) == []
    assert pairs(ships) == {("CN", "DE"), ("DE", "US")}
    assert (total(ships), total(ships, "net_weight"), total(ships, "quantity")) == (1_200, 30, 3)


@case("21b_easy_comext.csv")
def test_codes_with_their_texts_of_easy_comext(ships):
    assert ships.layout == "comext"
    assert {year.year: n for year, n in keys(ships, "year").items()} == {2023: 2}
    assert pairs(ships) == {("DE", "Sylvania"), ("Osterlich", "DE")}
    assert keys(ships, "hs") == {"01012100": 2}
    assert keys(ships, "description") == {"Pure-bred horses": 2}
    assert keys(ships, "reported_by") == {"exporter": 1, "importer": 1}
    assert (total(ships), faults(ships)) == (153_895, [])


@case("22_lakh.csv")
def test_indian_groups_of_digits(ships):
    assert (total(ships), faults(ships)) == (1_403_701.5, [])


@case("23_currency_words.csv")
def test_money_with_its_currency(ships):
    assert [float(x) for x in ships.to_table()["VALUE"].to_pylist()] == [1_234.5, 12, 5, 7, 5]
    assert noted(ships, "VALUE", "BRL", "EUR", "INR", "USD")


@case("24_excel_serial.csv")
def test_day_numbers_of_excel(ships):
    assert days(ships) == {"2023-01-01": 1, "2023-02-01": 1, "2023-03-01": 1}
    assert noted(ships, "44927", "2023-01-01")


@case("25_excel_text_formula.csv")
def test_text_written_as_a_formula(ships):
    assert set(keys(ships, "hs")) == {"01012100", "02011000"}
    assert total(ships) == 11


@case("26_japan_quotes.csv")
def test_codes_in_single_quotes(ships):
    assert ships.layout == "japan"
    assert set(keys(ships, "hs")) == {"010121000", "854231000"}
    assert pairs(ships) == {("JP", "103"), ("JP", "105")}
    assert (total(ships), total(ships, "quantity")) == (2_600_000, 5)


@case("27_hs_with_text.csv")
def test_codes_before_their_texts(ships):
    assert set(keys(ships, "hs")) == {"02", "0202", "02022010"}
    assert faults(ships) == []
    assert noted(ships, "HS Code", "totals")


@case("28_ddmmyyyy.csv")
def test_days_without_signs_between(ships):
    assert days(ships) == {"2023-01-02": 1, "2023-01-15": 1}
    assert faults(ships) == []


@pytest.mark.parametrize("cell", ["15-ENE-2023", "15/ene/23", "15-jan.-2023", "15 janvier 2023", "15-JAN-2023"])
def test_january_in_other_languages(tmp_path, cell):
    (tmp_path / "x.csv").write_text(f"HS,DATE,VALUE\n690721,{cell},5\n690721,{cell},6\n", encoding="utf-8")
    ships = rl.read(tmp_path / "x.csv")
    assert (days(ships), faults(ships)) == ({"2023-01-15": 2}, [])


@case("28c_float_year.csv")
def test_years_with_a_decimal(ships):
    assert keys(ships, "year") == {dt.date(2021, 1, 1): 1, dt.date(2022, 1, 1): 1}
    assert faults(ships) == []
    with pytest.raises(rl.errors.SchemaError, match="the dates are years"):
        ships.aggregate("month", "shipments")


@case("29_countries_as_firms.csv")
def test_countries_are_no_firms(ships):
    assert not {"importer", "exporter"} & set(ships.roles)
    assert pairs(ships) == {("ES", "US"), ("ZW", "NA"), ("NA", "DE")}
    assert (total(ships, "quantity"), total(ships, "Exporter reported quantity")) == (7, 256)


@case("30_comexstat.csv")
def test_exports_of_brazil(ships):
    assert ships.layout == "comexstat"
    assert (total(ships), total(ships, "net_weight"), total(ships, "quantity")) == (1_100, 340, 12)
    assert pairs(ships) == {("BR", "160")}
    assert days(ships) == {"2023-01-01": 1, "2023-02-01": 1}


@case("30c_chile_es.csv")
def test_imports_of_chile(ships):
    assert ships.roles["hs"] == "ARANC_NAC"
    assert (total(ships), total(ships, "net_weight"), total(ships, "quantity")) == (18_345.12, 1_500.5, 1)
    assert pairs(ships) == {("336", "CL")}
    assert days(ships) == {"2023-01-15": 1}


@case("30d_wits.csv")
def test_a_query_of_wits(ships):
    assert ships.layout == "wits"
    assert (total(ships), total(ships, "net_weight"), total(ships, "quantity")) == (12_500, 400, 3)
    assert pairs(ships) == {("BBB", "AAA")}
    assert set(keys(ships, "hs")) == {"010121"}


@case("30e_census_con.csv")
def test_imports_for_consumption_of_the_united_states(ships):
    assert ships.layout == "census"
    assert ships.roles["value"] == "CON_VAL_MO"
    assert {month.strftime("%Y-%m") for month in keys(ships, "month")} == {"2013-01"}
    assert ("SYLVANIA", "US") in pairs(ships)
    assert noted(ships, "TOTAL FOR ALL COUNTRIES", "total")
    assert total(ships.without_totals()) == 500


@case("31_plain_names.csv")
def test_plain_names(ships):
    assert ships.roles == {
        "id": "ShipmentID",
        "date": "disp_date",
        "hs": "HS_Code",
        "origin": "OriginCountry",
        "destination": "DestCountry",
        "importer": "ClientName",
        "value": "CargoValueEUR",
        "gross_weight": "TOTALGROSS_WEIGHT",
    }


@case("32_no_weight.csv")
def test_prices_by_quantity_where_no_weight_is_there(ships, cases, capsys):
    assert noted(rl.screen(ships), "net_weight", "quantity")
    main(["screen", str(cases / "32_no_weight.csv")])
    assert "net_weight" in "".join(capsys.readouterr())


@case("33_blank_records.csv")
def test_blank_records_are_told(ships):
    assert (len(ships), total(ships)) == (4, 11)
    assert [row for row, _ in faults(ships)] == [1, 2]
    assert all("blank" in fault["reason"] for fault in ships.faults.to_pylist())
