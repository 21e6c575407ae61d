"""Ambiguities of a file are reported, with the argument that decides them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import redlane as rl
import xlsxwriter


def _written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "trade.csv"
    path.write_bytes(text.encode(encoding))
    return path


RECORDS = [["E", "1", "2023", "01012100", "DE", "5000", "120"], ["I", "1", "2023", "02013000", "FR", "700", "80"]]


def test_a_file_without_a_header_is_told_and_read_by_its_places(tmp_path: Path) -> None:
    path = _written(tmp_path, "".join(";".join(record) + "\n" for record in RECORDS * 3))
    assert any("pass header=0" in note for note in rl.read(path).notes)
    roles = {"hs": "column_4", "value": "column_6", "net_weight": "column_7"}
    ships = rl.read(path, header=0, columns=roles)
    assert ships.columns == [f"column_{n}" for n in range(1, 8)]
    assert ships.aggregate("hs2", ["shipments", "value"]).to_pylist() == [
        {"hs2": "01", "shipments": 3, "value": 15000.0},
        {"hs2": "02", "shipments": 3, "value": 2100.0},
    ]
    sheet = tmp_path / "trade.xlsx"
    with xlsxwriter.Workbook(sheet) as book:
        page = book.add_worksheet()
        for row, record in enumerate(RECORDS):
            page.write_row(row, 0, record)
    assert any("pass header=0" in note for note in rl.read(sheet).notes)
    assert len(rl.read(sheet, header=0, columns=roles)) == 2


def test_no_row_is_lost_without_a_header(tmp_path: Path) -> None:
    path = _written(tmp_path, "010121,DE\n010129,FR,200\n010121,FR,300\n")
    ships = rl.read(path, header=0)
    assert len(ships) == 3
    assert ships.faults["row"].to_pylist() == [0]


@pytest.mark.parametrize(
    ("name", "factor"), [("Value (thousand USD)", 1e3), ("value, mln USD", 1e6), ("Value '000 USD", 1e3), ("Value", 1)]
)
def test_values_in_thousands_are_brought_to_whole_units(name: str, factor: float) -> None:
    ships = rl.read(pa.table({"hs": ["010121"], name: [2.5]}))
    assert ships.aggregate([], "value")["value"].to_pylist() == [2.5 * factor]


def test_a_column_of_weight_units_beside_a_weight() -> None:
    ships = rl.read(pa.table({"hs": ["010121"] * 3, "weight": [5.0] * 3, "unit": ["kg", "lb", "t"]}))
    assert ships.aggregate([], "net_weight")["net_weight"].to_pylist() == [5 + 5 * 0.45359237 + 5000]


def test_utf_16_without_a_mark_is_read(tmp_path: Path) -> None:
    text = "hs;страна;стоимость\n" + "010121;Россия;12\n" * 50
    ships = rl.read(_written(tmp_path, text, "utf-16-le"))
    assert ships.columns == ["hs", "страна", "стоимость"]


def test_batches_without_rows_are_read() -> None:
    batch = pa.table({"hs": ["010121"] * 8, "value": [1.0] * 8}).to_batches()[0]
    slices = [batch.slice(0, 2), batch.slice(2, 0), batch.slice(2, 6)]
    assert len(rl.read(pa.RecordBatchReader.from_batches(batch.schema, slices))) == 8
    assert len(rl.read(pa.RecordBatchReader.from_batches(batch.schema, [batch.slice(0, 0)]))) == 0


def test_results_do_not_hold_on_to_the_source() -> None:
    names = [f"a rather long name of a firm, number {n % 100}" for n in range(20_000)]
    ships = rl.read(pa.table({"product": names, "value": [1.0] * 20_000}))
    assert pa.table(ships.aggregate("product", "value")).nbytes < 20_000


@pytest.mark.parametrize(
    ("text", "told"), [("<html><table><tr><td>1</td></tr></table>", "HTML page"), ('{"hs": "0101"}\n', "JSON")]
)
def test_pages_and_objects_are_no_tables(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(rl.errors.FormatError, match=told):
        rl.read(_written(tmp_path, text))


def test_open_files_are_not_read(tmp_path: Path) -> None:
    with (
        _written(tmp_path, "hs,value\n01,2\n").open() as file,
        pytest.raises(rl.errors.ArgumentError, match="pass the path"),
    ):
        rl.read(file)


def test_a_table_of_unknown_columns_says_so() -> None:
    assert any("no column has a role" in note for note in rl.read(pa.table({"foo": ["a"], "bar": ["b"]})).notes)


def test_german_names_are_known(tmp_path: Path) -> None:
    text = "Datum;Warennummer;Ursprungsland;Wert in EUR;Eigenmasse kg\n05.01.2023;01012100;Polen;1.234,50;10\n"
    ships = rl.read(_written(tmp_path, text))
    assert {"date", "hs", "origin", "value", "net_weight"} <= set(ships.roles)
    assert ships.aggregate([], "value")["value"].to_pylist() == [1234.5]


def test_names_that_are_years_are_no_records(tmp_path: Path) -> None:
    path = _written(tmp_path, "HTS Number,Country,2022,2023,2024\n010121,Germany,1,2,3\n020110,France,4,5,6\n")
    ships = rl.read(path)
    assert ships.columns[2:] == ["2022", "2023", "2024"]
    assert not any("header=0" in note for note in ships.notes)
    assert any("3 columns are called like periods" in note and "unpivot" in note for note in ships.notes)
    assert any('"Country" holds countries' in note for note in ships.notes)


def test_indicators_of_different_flows_give_no_value(tmp_path: Path) -> None:
    table = pa.table(
        {
            "Country Name": ["Germany"] * 2,
            "Indicator Name": ["Goods, Value of Exports, US Dollars", "Goods, Value of Imports, US Dollars"],
            "Counterpart Country Name": ["China"] * 2,
            "Time Period": ["2023M1"] * 2,
            "Value": [500.5, 700.25],
        }
    )
    ships = rl.read(table)
    assert "value" not in ships.roles
    assert any("Indicator Name" in note and ".where(" in note for note in ships.notes)


def test_few_words_of_another_script_are_read(tmp_path: Path) -> None:
    lines = "".join(f"{'ИМ' if n % 2 else 'ЭК'};2023-{1 + n % 12:02d};DE;010121;ШТ;{n};{n}\n" for n in range(200))
    ships = rl.read(_written(tmp_path, "FLOW;PERIOD;STRANA;TNVED;EDIZM;STOIM;NETTO\n" + lines, "windows-1251"))
    assert {"ИМ", "ЭК"} == set(ships.to_table()["FLOW"].to_pylist())


def test_codes_in_brackets_are_read(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        'value,kodehs,tahun,bulan\n5,"[01012100] Horses",2023,"[01] Januari"\n6,[02013000] Beef,2023,[02] Februari\n',
    )
    ships = rl.read(path, columns={"hs": "kodehs"})
    assert ships.aggregate(["hs2", "month"], "value").to_pandas()["hs2"].tolist() == ["01", "02"]
    assert [str(day)[:7] for day in ships.aggregate("month", "value")["month"].to_pylist()] == ["2023-01", "2023-02"]


@pytest.mark.parametrize("unit", [None, "KG"])
def test_prices_fall_back_to_quantities(unit: str | None) -> None:
    n = 60
    columns = {"hs": ["010121"] * n, "value": [10.0 + i % 7 for i in range(n)], "quantity": [1.0] * n}
    if unit:
        columns["quantity_unit"] = [unit] * n
    ships = rl.read(pa.table(columns))
    detector = rl.UnitValue(by=("hs6",), backoff=())
    scores = detector.fit_score(ships).to_pylist()
    asked = rl.UnitValue(measure="value/quantity", by=("hs6",), backoff=()).fit_score(ships).to_pylist()
    assert scores == asked
    assert any("UnitValue takes prices by quantity" in note for note in ships.notes)
    copy = rl.UnitValue.from_state(detector.state(), by=("hs6",), backoff=())
    assert copy.score(ships).to_pylist() == detector.score(ships).to_pylist()
