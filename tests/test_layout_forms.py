"""A table of every known source, in all the forms in which people keep it, read with no argument.

`layout_files` holds a small table of each source as it is published, and `expected.csv` what is in it. A person who adds
a layout adds a table and a line there.
"""

import csv
import functools
import io
import pickle
import re
from pathlib import Path

import pytest
import redlane as rl
import xlsxwriter
from redlane import _core

FOLDER = Path(__file__).parent / "layout_files"
EXPECTED = {row["file"]: row for row in csv.DictReader(io.StringIO((FOLDER / "expected.csv").read_text("utf-8")))}
# The lines above the header: a title and a source, in letters of the encoding.
TITLES = {
    "cp1251": ("Внешняя торговля по товарам", "Источник: таможенная служба"),
    "cp1252": ("Comercio exterior por país", "Fuente: estadística aduanera, año móvil"),
    "cp1254": ("Ülkelere göre dış ticaret", "Kaynak: Türkiye gümrük istatistikleri"),
    "gb18030": ("海关统计数据在线查询", "数据来源:海关总署"),
    "big5": ("進出口貿易統計", "資料來源:關務署"),
    "cp932": ("普通貿易統計", "出典:財務省貿易統計"),
    "euc-kr": ("품목별 국가별 수출입실적", "출처: 관세청"),
}
ENGLISH = ("Trade by commodity and country", "Source: customs statistics, all rights reserved")
# The encodings of these tables are certain from their bytes, or the tables have no special letters.
PLAIN = ("utf-8", "utf-8-sig", "utf-16")


@functools.cache
def table(source):
    """The delimiter and the cells, header first."""
    text = (FOLDER / f"{source}.csv").read_text(encoding="utf-8")
    head = text.splitlines()[0]
    delimiter = max(",;\t|", key=head.count)
    return delimiter, list(csv.reader(io.StringIO(text), delimiter=delimiter))


def as_text(source, encoding, titles):
    """The bytes of a text file: the table below titles."""
    text = "".join(f"{line}\n" for line in titles) + ("\n" if titles else "")
    return (text + (FOLDER / f"{source}.csv").read_text(encoding="utf-8")).encode(encoding)


def typed(cell, comma):
    """The cell for a workbook: a number, or text if it is a word or a code with a leading zero."""
    mark = r"\." if comma else ","
    plain = re.sub(rf"(?<=\d){mark}(?=\d{{3}}(?!\d))", "", cell)
    plain = plain.replace(",", ".") if comma else plain
    if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", plain):
        return float(plain)
    return cell


def as_workbook(path, source, titles, numbers):
    """A sheet of the same cells, all as text or with numbers as numbers."""
    delimiter, rows = table(source)
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    lines = [[title] for title in titles] + ([[]] if titles else []) + rows
    for i, line in enumerate(lines):
        for j, cell in enumerate(line):
            cell = typed(cell, delimiter != ",") if numbers and i >= len(lines) - len(rows) + 1 else cell
            if isinstance(cell, float):
                sheet.write_number(i, j, cell)
            elif cell.strip():
                sheet.write_string(i, j, cell)
    book.close()


def total(ships, measure):
    return ships.aggregate([], measure).to_pylist()[0][measure] if measure in ships.roles else None


def months(ships):
    """The months of the shipments, or the years where their dates are years."""
    try:
        rows = ships.aggregate("month", "shipments").to_pylist()
        return " ".join(row["month"].strftime("%Y-%m") for row in rows)
    except rl.errors.SchemaError:
        rows = ships.aggregate("date", "shipments").to_pylist()
        return " ".join(row["date"].strftime("%Y") for row in rows)


def check(ships, source):
    """The results that must be equal in every form."""
    expected = EXPECTED[source]
    assert ships.layout == expected["layout"]
    assert len(ships) == len(table(source)[1]) - 1
    assert months(ships) == expected["months"]
    for role in ("value", "net_weight"):
        assert total(ships, role) == (pytest.approx(float(expected[role])) if expected[role] else None), role
    if expected["hs"]:
        assert " ".join(sorted(ships.aggregate("hs", "shipments")["hs"].to_pylist())) == expected["hs"]
    if expected["origin_and_destination"]:
        rows = ships.aggregate(["origin", "destination"], "shipments").to_pylist()
        pairs = sorted(f"{row['origin']} > {row['destination']}" for row in rows)
        assert "; ".join(pairs) == expected["origin_and_destination"]
    assert ships.faults.to_pylist() == []


@pytest.mark.parametrize("source", EXPECTED)
def test_as_published(tmp_path, source):
    (tmp_path / "x.csv").write_bytes(as_text(source, "utf-8", ()))
    ships = rl.read(tmp_path / "x.csv")
    check(ships, source)
    assert any("value" in note for note in ships.notes)
    again = pickle.loads(pickle.dumps(ships))
    check(again, source)
    assert (again.roles, again.notes) == (ships.roles, ships.notes)


@pytest.mark.parametrize("source", EXPECTED)
def test_as_text_of_any_encoding(tmp_path, source):
    path = tmp_path / "x.csv"
    path.write_bytes(as_text(source, "utf-8", ()))
    roles = rl.read(path).roles
    usual = EXPECTED[source]["encoding"]
    for encoding in (*PLAIN, usual) if usual else PLAIN:
        for titles in ((), TITLES.get(encoding, ENGLISH)):
            path.write_bytes(as_text(source, encoding, titles))
            ships = rl.read(path)
            check(ships, source)
            assert ships.roles == roles, (encoding, titles)
            assert any("above the header" in note for note in ships.notes) == bool(titles), (encoding, titles)


@pytest.mark.parametrize("source", EXPECTED)
def test_as_a_sheet(tmp_path, source):
    path = tmp_path / "x.xlsx"
    (tmp_path / "x.csv").write_bytes(as_text(source, "utf-8", ()))
    published = rl.read(tmp_path / "x.csv")
    for numbers in (False, True):
        for titles in ((), TITLES.get(EXPECTED[source]["encoding"], ENGLISH)):
            as_workbook(path, source, titles, numbers)
            ships = rl.read(path)
            check(ships, source)
            assert ships.roles == published.roles, (numbers, titles)
            assert any("above the header" in note for note in ships.notes) == bool(titles), (numbers, titles)


def test_every_layout_has_a_table():
    asked_by_name = {name for name in _core.layouts() if name.endswith("_imports")}
    assert {row["layout"] for row in EXPECTED.values()} | asked_by_name == set(_core.layouts())
    assert {path.stem for path in FOLDER.glob("*.csv")} - {"expected"} == set(EXPECTED)


def test_other_directions_are_asked_for_by_name():
    for source, layout, value, pair in (
        ("kstat", "kstat_imports", 2_000, ("미국", "KR")),
        ("unipass", "unipass_imports", 2, ("US", "KR")),
        ("comexstat_exports", "comexstat_imports", 1_100, ("160", "BR")),
        ("comexstat_base_dos_dados", "comexstat_imports", 1_100, ("CN", "BR")),
    ):
        ships = rl.read(FOLDER / f"{source}.csv", layout=layout)
        assert total(ships, "value") == value
        rows = ships.aggregate(["origin", "destination"], "shipments").to_pylist()
        assert [(row["origin"], row["destination"]) for row in rows] == [pair]


def test_reported_by_is_read_in_the_words_of_the_source():
    ships = rl.read(FOLDER / "wits.csv")
    rows = ships.aggregate("reported_by", "value").to_pylist()
    assert {row["reported_by"]: row["value"] for row in rows} == {"exporter": 2_000, "importer": 12_500}
    rows = ships.aggregate("flow", "shipments").to_pylist()
    assert {row["flow"] for row in rows} == {"Gross Imports", "Export"}


@pytest.mark.parametrize("column", ["direction", "flow", "reported_by"])
@pytest.mark.parametrize(
    ("export", "import_"),
    [("E", "I"), ("X", "M"), ("EXP", "IMP"), ("2", "1"), ("DX", "RM"), ("Exportación", "İthalat")],
)
def test_a_direction_says_both_countries_and_who_reported(tmp_path, column, export, import_):
    path = tmp_path / "mirror.csv"
    lines = [f"reporter,partner,{column},hs,value,date", f"DE,FR,{export},010121,1,2020-01-01"]
    path.write_text("\n".join([*lines, f"DE,FR,{import_},010121,2,2020-01-02", ""]), encoding="utf-8")
    ships = rl.read(path)
    rows = ships.aggregate(["value", "origin", "destination", "reported_by"], "shipments").to_pylist()
    sides = [(row["origin"], row["destination"], row["reported_by"]) for row in rows]
    assert sides == [("DE", "FR", "exporter"), ("FR", "DE", "importer")]
    if column == "direction":
        # The column keeps its words under its own name.
        assert {row[column] for row in ships.aggregate(column, "shipments").to_pylist()} == {export, import_}
