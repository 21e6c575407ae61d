"""Spreadsheets in the forms of customs offices, and the plan of reading for any file."""

import datetime
import zipfile

import polars as pl
import pytest
import redlane as rl
import xlsxwriter
from redlane import errors

ROWS = [
    ("010121", "horses", datetime.date(2023, 1, 5), 1200.5, 3),
    ("880622", "drones", datetime.date(2023, 2, 6), 70.0, None),
    ("690912", '5" pipe, ceramic', datetime.date(2023, 3, 7), None, 12.25),
]
NAMES = ("HS Code", "Goods description", "Date", "Value USD", "Net weight (kg)")


def book(path, above=0, sheets=("Data",), index=0, rows=ROWS, names=NAMES):
    """A workbook whose sheet number `index` holds the records below `above` lines."""
    made = xlsxwriter.Workbook(str(path))
    day = made.add_format({"num_format": "yyyy-mm-dd"})
    for i, name in enumerate(sheets):
        sheet = made.add_worksheet(name)
        if i != index:
            sheet.write(0, 0, "About this file")
            continue
        for line in range(above):
            sheet.write(line, 0, f"Title {line}")
        for column, name_ in enumerate(names):
            sheet.write(above, column, name_)
        for r, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime.date):
                    sheet.write_datetime(above + 1 + r, column, cell, day)
                elif cell is not None:
                    sheet.write(above + 1 + r, column, cell)
    made.close()
    return path


@pytest.mark.parametrize("above", [0, 1, 5])
def test_a_sheet_is_read_by_its_cells(tmp_path, above):
    ships = rl.read(book(tmp_path / "x.xlsx", above))
    assert ships.roles["hs"] == "HS Code"
    assert {"date", "value", "net_weight"} <= set(ships.roles)
    assert ships.aggregate("hs", "value").to_pylist() == [
        {"hs": "010121", "value": 1200.5},
        {"hs": "690912", "value": None},
        {"hs": "880622", "value": 70.0},
    ]
    assert [str(d) for d in ships.aggregate("month", "shipments")["month"].to_pylist()] == [
        "2023-01-01",
        "2023-02-01",
        "2023-03-01",
    ]
    assert len(ships.faults) == 0
    assert any("above the header" in note for note in ships.notes) == (above > 0)


def test_the_sheet_with_the_records_is_taken_and_others_can_be_named(tmp_path):
    path = book(tmp_path / "x.xlsx", 0, ("Read me", "Data", "Codes"), 1)
    ships = rl.read(path)
    assert len(ships) == 3
    assert any("'Data'" in note or '"Data"' in note for note in ships.notes)
    assert len(rl.read(path, sheet="Data")) == len(rl.read(path, sheet=2)) == 3
    with pytest.raises(errors.ArgumentError, match="Read me"):
        rl.read(path, sheet="Date")
    with pytest.raises(errors.EmptyFileError):
        rl.read(path, sheet=1)


def test_a_sheet_and_a_text_file_of_the_same_cells_agree(tmp_path):
    frame = pl.DataFrame(ROWS, schema=list(NAMES), orient="row")
    frame.write_csv(tmp_path / "x.csv")
    a, b = rl.read(book(tmp_path / "x.xlsx")), rl.read(tmp_path / "x.csv")
    assert a.roles == b.roles
    for by in ("hs", "month", "description"):
        assert (
            a.aggregate(by, ["shipments", "value", "net_weight"]).to_pylist()
            == b.aggregate(by, ["shipments", "value", "net_weight"]).to_pylist()
        )


def test_numbers_and_texts_in_one_column(tmp_path):
    rows = [("010121", "a", datetime.date(2023, 1, 1), 5.5, 1), ("0102", "b", datetime.date(2023, 1, 2), "n/a", 1)]
    rows.append((20230, "c", datetime.date(2023, 1, 3), "seven", 1))
    ships = rl.read(book(tmp_path / "x.xlsx", rows=rows))
    assert ships.aggregate([], "value")["value"].to_pylist() == [5.5]
    assert [f["raw"] for f in ships.faults.to_pylist()] == ["seven"]


def test_sheets_are_united_by_names(tmp_path):
    a = book(tmp_path / "a.xlsx")
    b = book(tmp_path / "b.xlsx", names=("HS Code", "Goods description", "Date", "Value USD", "Port"))
    ships = rl.read([a, b])
    assert len(ships) == 6
    assert "Port" in ships.columns
    assert any("Port" in note for note in ships.notes)


def test_an_open_document(tmp_path):
    cell = "<table:table-cell office:value-type='{}' office:{}='{}'><text:p>{}</text:p></table:table-cell>"
    text = "<table:table-cell office:value-type='string'><text:p>{}</text:p></table:table-cell>"
    rows = [[text.format(name) for name in ("hs", "date", "value")]]
    for hs, day, value in (("010121", "2023-01-05", "5.5"), ("020110", "2023-02-06", "7")):
        number = cell.format("float", "value", value, value)
        rows.append([text.format(hs), cell.format("date", "date-value", day, day), number])
    body = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    names = f"xmlns:office='{space}office:1.0' xmlns:table='{space}table:1.0' xmlns:text='{space}text:1.0'"
    content = (
        f"<?xml version='1.0' encoding='UTF-8'?><office:document-content {names}><office:body><office:spreadsheet>"
    )
    content += f"<table:table table:name='Data'>{body}</table:table></office:spreadsheet></office:body>"
    path = tmp_path / "x.ods"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("content.xml", content + "</office:document-content>")
        entry = "<manifest:file-entry manifest:full-path='/' manifest:media-type='application/x'/>"
        made.writestr(
            "META-INF/manifest.xml",
            f"<manifest:manifest xmlns:manifest='{space}manifest:1.0'>{entry}</manifest:manifest>",
        )
    ships = rl.read(path)
    assert ships.aggregate("month", "value")["value"].to_pylist() == [5.5, 7.0]
    assert ships.to_table()["hs"].to_pylist() == ["010121", "020110"]


def test_damaged_workbooks_are_errors(tmp_path):
    whole = book(tmp_path / "x.xlsx").read_bytes()
    for at in range(0, len(whole), 97):
        (tmp_path / "y.xlsx").write_bytes(whole[:at] + b"\xff\x00" + whole[at + 2 :])
        try:
            len(rl.read(tmp_path / "y.xlsx"))
        except errors.RedlaneError:
            pass
    (tmp_path / "z.xlsx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.FormatError, match="save the sheet as CSV"):
        rl.read(tmp_path / "z.xlsx")


def plan(source, **options):
    return {line["item"]: line for line in rl.inspect(source, **options).to_pylist()}


def test_the_plan_says_what_and_why_and_how_to_decide_otherwise(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("Отчёт\nТНВЭД;Страна;Стоимость;Дата\n010121;Китай;5,5;3/1/2023\n".encode("cp1251") * 1)
    lines = plan(path)
    assert lines["encoding"]["decision"] == "windows-1251"
    assert lines["delimiter"]["decision"] == ";"
    assert lines["header line"]["decision"] == "2"
    assert lines["decimal sign"]["decision"] == ","
    assert all(line["why"] for line in lines.values())
    assert plan(path, decimal=".")["decimal sign"]["decision"] == "."
    assert plan(path, delimiter=";")["delimiter"]["why"] == "given as an argument"
    ships = rl.read(path)
    for role, column in ships.roles.items():
        if role in lines:
            assert lines[role]["decision"] == column


def test_the_plan_of_every_kind_of_source(tmp_path):
    frame = pl.DataFrame({"hs": ["010121"], "value": [1.0], "importer": ["a"]})
    frame.write_parquet(tmp_path / "x.parquet")
    frame.write_csv(tmp_path / "x.csv")
    kinds = {"x.parquet": "Parquet", "x.csv": "text", "x.xlsx": "spreadsheet"}
    book(tmp_path / "x.xlsx")
    for name, kind in kinds.items():
        lines = plan(tmp_path / name)
        assert lines["format"]["decision"] == kind
        assert lines["value"]["decision"] in ("value", "Value USD")
    assert plan(frame)["hs"]["decision"] == "hs"
