"""CSV in all usual spellings."""

import codecs
import gzip

import polars as pl
import pyarrow as pa
import pytest
import redlane as rl

ROWS = [
    ("8806.22", 'Дрон "X"', "KG", "2023-03-01", "1200.5", "3.5"),
    ("690912", "ceramics, technical", "RU", "2023-03-02", "", "12"),
    ("010121", "línea\nnueva", "UA", "2023-04-01", "-5", "7.25"),
]
NAMES = ("hs", "description", "destination", "date", "value", "net_weight")


def text(delimiter=",", end="\n", rows=ROWS):
    def cell(c):
        return '"' + c.replace('"', '""') + '"' if any(x in c for x in (delimiter, '"', "\n")) else c

    return end.join(delimiter.join(map(cell, row)) for row in [NAMES, *rows]) + end


def check(ships, rows=ROWS):
    assert len(ships) == len(rows)
    assert len(ships.faults) == 0
    got = ships.to_table().to_pylist()
    assert [r["description"] for r in got] == [r[1] for r in rows]
    assert [r["value"] for r in got] == [float(r[4]) if r[4] else None for r in rows]
    assert set(ships.aggregate("hs", "shipments")["hs"].to_pylist()) == {"880622", "690912", "010121"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_line_ends(tmp_path, delimiter, end):
    path = tmp_path / "x.csv"
    path.write_bytes(text(delimiter, end).encode())
    check(rl.read(path))


def test_carriage_returns_alone(tmp_path):
    rows = [tuple(c.replace("\n", " ") for c in row) for row in ROWS]
    path = tmp_path / "x.csv"
    path.write_bytes(text(",", "\r", rows).encode())
    check(rl.read(path), rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "x.csv"
    marks = {"utf-16-le-bom": (codecs.BOM_UTF16_LE, "utf-16-le"), "utf-16-be-bom": (codecs.BOM_UTF16_BE, "utf-16-be")}
    mark, name = marks.get(encoding, (b"", encoding))
    path.write_bytes(mark + text().encode(name))
    check(rl.read(path))


def test_latin_1_without_faults(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("importer,value\nCafé Münze,1\nplain,2\n".encode("latin-1"))
    ships = rl.read(path)
    assert ships.to_table()["importer"].to_pylist() == ["Café Münze", "plain"]
    assert len(ships.faults) == 0


def test_compressed(tmp_path):
    for name, data in {
        "x.csv.gz": gzip.compress(text().encode()),
        "x.gz": gzip.compress(text()[:40].encode()) + gzip.compress(text()[40:].encode()),
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        check(rl.read(path))
    with pa.output_stream(tmp_path / "x.csv.zst", compression="zstd") as out:
        out.write(text().encode())
    check(rl.read(tmp_path / "x.csv.zst"))


def test_a_row_longer_than_a_block(tmp_path):
    long = "x" * 6_000_000
    path = tmp_path / "x.csv"
    path.write_text(f'description,value\n"{long}\n{long}",1\nshort,2\n')
    ships = rl.read(path)
    assert len(ships) == 2
    assert ships.aggregate([], "value")["value"].to_pylist() == [3.0]


def test_quotes_across_blocks_agree_with_polars(tmp_path):
    n = 200_000
    frame = pl.DataFrame(
        {
            "id": [f"D{i}" for i in range(n)],
            "importer": [
                f'a "quoted" name, {i % 97}\nsecond line' if i % 3 == 0 else f"plain {i % 1000}" for i in range(n)
            ],
            "value": [i * 0.5 for i in range(n)],
        }
    )
    path = tmp_path / "x.csv"
    frame.write_csv(path)
    ships = rl.read(path)
    assert ships.to_polars()["importer"].to_list() == frame["importer"].to_list()
    assert ships.to_polars()["value"].to_list() == frame["value"].to_list()


def test_decimal_commas_even_where_they_come_late(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("origin;value\n" + "DE;5\n" * 30_000 + "DE;1.234,5\n" * 3)
    ships = rl.read(path)
    assert len(ships.faults) == 0
    assert ships.aggregate([], "value")["value"].to_pylist() == [150_000 + 3 * 1234.5]


def test_a_number_column_that_turns_out_to_be_text(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("value,office\n" + "1,7\n" * 50_000 + "1,07A\n")
    ships = rl.read(path)
    assert ships.to_table()["office"].to_pylist()[-1] == "07A"
    assert ships.to_table()["office"].to_pylist()[0] == "7"
    assert len(ships.faults) == 0


def test_whole_numbers_stay_whole_and_codes_keep_zeros(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("value,count,office\n1.5,10,007\n2,20,012\n")
    table = rl.read(path).to_table()
    assert table["count"].to_pylist() == [10, 20]
    assert table["office"].to_pylist() == ["007", "012"]


@pytest.mark.parametrize(
    ("cells", "order", "expected"),
    [
        (["3/1/2023", "25/1/2023"], None, ["2023-01-03", "2023-01-25"]),
        (["3/1/2023", "1/25/2023"], None, ["2023-03-01", "2023-01-25"]),
        (["3/1/2023", "4/2/2023"], None, ["2023-01-03", "2023-02-04"]),
        (["3/1/2023", "4/2/2023"], "mdy", ["2023-03-01", "2023-04-02"]),
        (["01.03.2023", "1-Mar-23"], None, ["2023-03-01", "2023-03-01"]),
        (["202303", "2023"], None, ["2023-03-01", "2023-01-01"]),
        (["2023-03-01T10:00:00", "2023-03-01 23:59"], None, ["2023-03-01", "2023-03-01"]),
    ],
)
def test_dates(tmp_path, cells, order, expected):
    path = tmp_path / "x.csv"
    path.write_text("date,value\n" + "".join(f"{c},1\n" for c in cells))
    ships = rl.read(path, date_order=order)
    days = [d.isoformat() for d in ships.aggregate(["value", "date"], "shipments")["date"].to_pylist()]
    assert days == sorted(set(expected))
    if cells == ["3/1/2023", "4/2/2023"] and order is None:
        assert any("date_order" in note for note in ships.notes)


def test_faults_keep_rows_and_totals(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("hs,date,value\n0101,2023-02-30,5\nabc,2023-01-01,seven\n0102\n0103,2023-01-01,1,extra\n")
    ships = rl.read(path)
    assert len(ships) == 4
    got = [(f["row"], f["column"], f["raw"]) for f in ships.faults.to_pylist()]
    assert got == [
        (0, "date", "2023-02-30"),
        (1, "hs", "abc"),
        (1, "value", "seven"),
        (2, "date", None),
        (3, "(beyond the last column)", "extra"),
    ]
    assert ships.aggregate([], ["shipments", "value"]).to_pylist() == [{"shipments": 4, "value": 6.0}]
    assert len(ships.where(hs=["0102", None]).faults) == 3


def test_files_as_list_and_glob(tmp_path):
    for i in range(3):
        (tmp_path / f"part{i}.csv").write_text(f"importer,value\nfirm {i},{i}\nbad,x\n")
    for source in (str(tmp_path / "part*.csv"), sorted(tmp_path.glob("*.csv"))):
        ships = rl.read(source)
        assert len(ships) == 6
        assert [f["row"] for f in ships.faults.to_pylist()] == [1, 3, 5]
        assert ships.aggregate([], "value")["value"].to_pylist() == [3.0]
