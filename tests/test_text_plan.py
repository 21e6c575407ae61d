"""Published text files: the decisions about them, and rows that never depend on blocks."""

import csv
import datetime
import io
import random

import pytest
import redlane as rl
from redlane import _core, errors
from redlane.reading import _asked


def read_in_blocks(path, block):
    """Reads with blocks of this many bytes, so that blocks end at all positions."""
    texts = dict.fromkeys(("date_order", "decimal", "thousands", "encoding", "delimiter"))
    asked = {**_asked(None, "auto", raise_faults=False, **texts), "block": block}
    return rl.Shipments(_core.read_files([str(path)], asked))


def write(path, text, encoding="utf-8"):
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def rows_of(ships):
    return [tuple(row.values()) for row in ships.to_table().to_pylist()]


def reasons(ships):
    told = ships.faults.to_pylist() + ships.repairs.to_pylist()
    return [(line["row"], line["column"], line["reason"]) for line in told]


def test_a_quote_that_never_closes_swallows_nothing(tmp_path):
    path = write(tmp_path / "x.csv", 'hs,value,exporter\n880622,1.5,"Acme\n' + "880622,1.5,Acme\n" * 300_000)
    ships = rl.read(path)
    assert len(ships) == 300_001
    assert ships.aggregate([], "value")["value"].to_pylist() == [450_001.5]
    assert [r["raw"] for r in ships.repairs.to_pylist()] == ['"Acme']
    assert len(ships.faults) == 0


@pytest.mark.parametrize("tail", ["880622,1,a\n", '880622,1,"a"\n'])
@pytest.mark.parametrize("blank", ["", "   ", "\t", "\x1a"])
def test_a_blank_line_is_no_record_whatever_stands_beside_it(tmp_path, tail, blank):
    path = write(tmp_path / "x.csv", f"hs,value,exporter\n880622,1,a\n{blank}\n{tail}")
    assert len(rl.read(path)) == 2


def test_inch_marks_keep_the_records_below_them(tmp_path):
    text = 'HS,DESCRIPTION,VALUE\n730630,plain pipe,1\n730630,"5 inch pipe,2\n730630,rods,4\n'
    text += '730630,"flat bar",8\n730630,sheet,16\n730630,"6 inch,32\n730630,pipe 7",64\n'
    ships = rl.read(write(tmp_path / "x.csv", text))
    assert len(ships) == 7
    assert ships.aggregate([], "value")["value"].to_pylist() == [127.0]
    assert [(row, column) for row, column, _ in reasons(ships)] == [(1, "DESCRIPTION"), (5, "DESCRIPTION")]
    assert ships.to_table()["DESCRIPTION"].to_pylist()[1] == '"5 inch pipe'


def test_addresses_of_several_lines_are_one_cell(tmp_path):
    for address in ("Main St 5\nKyiv, Ukraine, 01001", "a\n\nb", "Kyiv\r\nUkraine", 'the "big" one\nKyiv'):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([["hs", "value", "importer"], *[["010121", i, address] for i in range(5)]])
        ships = rl.read(write(tmp_path / "x.csv", out.getvalue()))
        assert ships.to_table()["importer"].to_pylist() == [address] * 5
        assert reasons(ships) == []


@pytest.mark.parametrize("seed", range(40))
def test_rows_never_depend_on_blocks(tmp_path, seed):
    """Lines made at random from quotes, delimiters and line ends."""
    rng = random.Random(seed)
    bits = ['"', '""', ",", "\n", "\r\n", "a", "5", "1.5", " ", "\n\n", 'x"', '"y', ",,", "\x1a", "é"]
    text = "hs,name,value\n010121,a,1\n010121,b,2\n" + "".join(rng.choices(bits, k=rng.randrange(5, 120)))
    path = write(tmp_path / "x.csv", text)
    try:
        whole = rl.read(path)
    except errors.FormatError:
        return  # more than half of the rows are ragged
    for block in (1, 2, 3, 7, 16, 50):
        parts = read_in_blocks(path, block)
        assert rows_of(parts) == rows_of(whole), (block, text)
        assert reasons(parts) == reasons(whole), (block, text)


def test_rows_without_stray_quotes_are_those_of_the_csv_module(tmp_path):
    for seed in range(200):
        rng = random.Random(seed)
        cells = ["", "a", "5", 'in "ch', "a,b", "two\nlines", "x" * 40, " pad ", "é", '"']
        rows = [[rng.choice(cells) for _ in range(3)] for _ in range(rng.randrange(1, 40))]
        rows = [["k", *row] for row in rows]
        out = io.StringIO()
        csv.writer(out, lineterminator="\n", quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])).writerows(
            [["id", "p", "q", "r"], *rows]
        )
        path = write(tmp_path / "x.csv", out.getvalue())
        expected = [tuple(cell or None for cell in row) for row in rows]
        got = [tuple(None if c is None else str(c) for c in row) for row in rows_of(read_in_blocks(path, 11))]
        assert got == expected, seed


@pytest.mark.parametrize(
    ("text", "names", "rows", "note"),
    [
        ("Board,,\nReport: all,,\n,,\nCountry,HS Code,Value US$\nX,010121,5\nY,020110,6\n", 3, 2, "3 lines above"),
        ("Transfers, all\nmillions.\n\nSource: I\nA,B,C,D,E\nx,y,2017,6,27\nx,y,2018,7,2\n", 5, 2, "3 lines above"),
        ("sep=;\nHS;VALUE;NET WEIGHT\n010121;5,5;1\n020110;6,5;2\n", 3, 2, None),
        ("a,b,c\n1,2,3,\n4,5,6,\n", 3, 2, None),
        ('"a","b","c"\n"1","2","true",\n"4","5","true",\n', 3, 2, None),
        ("\n\na,b\n1,2\n", 2, 1, None),
    ],
)
def test_the_header_is_found(tmp_path, text, names, rows, note):
    ships = rl.read(write(tmp_path / "x.csv", text))
    assert (len(ships.columns), len(ships)) == (names, rows)
    assert reasons(ships) == []
    assert any(note in n for n in ships.notes) if note else not any("above" in n for n in ships.notes)


def test_the_user_overrules_what_was_found(tmp_path):
    path = write(tmp_path / "x.csv", "a;b,c\n1;2,3\n4;5,6\n7;8,9\n")
    assert rl.read(path, delimiter=",").columns == ["a;b", "c"]
    assert rl.read(path, header=2, delimiter=";").columns == ["1", "2,3"]
    assert len(rl.read(path, skip=2)) == 1
    path = write(tmp_path / "y.csv", "имя,value\nТовар,1\n", "cp866")
    assert rl.read(path, encoding="cp866").to_table()["имя"].to_pylist() == ["Товар"]
    for bad in ({"encoding": "klingon"}, {"delimiter": "::"}, {"delimiter": '"'}, {"header": -1}, {"skip": -1}):
        with pytest.raises(errors.ArgumentError):
            rl.read(path, **bad)
    with pytest.raises(errors.ArgumentError, match="header"):
        rl.read(path, header=900)


@pytest.mark.parametrize(
    ("encoding", "name", "cell"),
    [
        ("cp1251", "Отправитель", "Завод электроники"),
        ("gb18030", "出口商", "深圳市电子有限公司"),
        ("big5", "出口商", "臺灣電子股份有限公司"),
        ("euc-kr", "수출자", "대한민국 전자 주식회사"),
        ("shift_jis", "輸出者", "日本電気株式会社のカメラ"),
        ("cp1254", "Ihracatçı", "Türkiye Elektronik Şirketi İstanbul ığdır"),
        ("cp1252", "expéditeur", "Société Générale à côté"),
        ("utf-16-le", "exporter", "plain names without a mark"),
    ],
)
def test_encodings_are_told(tmp_path, encoding, name, cell):
    rows = "".join(f"{cell},{i}\n" for i in range(50))
    path = write(tmp_path / "x.csv", f"{name},value\n{rows}", encoding)
    ships = rl.read(path)
    assert ships.columns == [name, "value"]
    assert set(ships.to_table()[name].to_pylist()) == {cell}
    assert any("encoding=" in note for note in ships.notes)


def test_an_encoding_that_shows_late_is_told_too(tmp_path):
    head = "importer,value\n" + "plain,1\n" * 20_000
    path = write(tmp_path / "x.csv", head + "Завод электроники,1\nСтраховая компания,2\n", "cp1251")
    ships = rl.read(path)
    assert ships.to_table()["importer"].to_pylist()[-1] == "Страховая компания"
    assert any("windows-1251" in note for note in ships.notes)


def test_zero_bytes_blank_records_and_the_end_of_file_of_old(tmp_path):
    ships = rl.read(write(tmp_path / "x.csv", b"HS,DESCRIPTION,VALUE\n010121,horse\x00,1\n,,\n020110,beef,2\n\x1a"))
    assert ships.to_table()["DESCRIPTION"].to_pylist() == ["horse", None, "beef"]
    assert sorted((r, c) for r, c, _ in reasons(ships)) == [(0, "DESCRIPTION"), (1, "HS")]
    with pytest.raises(errors.FormatError, match="not a text file"):
        rl.read(write(tmp_path / "y.csv", b"\x7fELF\x02\x01\x01" + bytes(range(32)) * 30))


def test_units_and_codes_in_columns_without_a_role_stay_text(tmp_path):
    ships = rl.read(
        write(tmp_path / "x.csv", "hs,value,measure,office\n010121,5,1000 US$,007\n020110,6,1000 US$,012\n")
    )
    assert ships.to_table()["measure"].to_pylist() == ["1000 US$"] * 2
    assert ships.to_table()["office"].to_pylist() == ["007", "012"]


def test_several_currencies_in_one_column_are_told(tmp_path):
    ships = rl.read(write(tmp_path / "x.csv", "HS,VALUE\n690912,USD 12\n690912,EUR 5\n690912,7\n"))
    assert ships.aggregate([], "value")["value"].to_pylist() == [24.0]
    assert any("VALUE" in note and "EUR" in note for note in ships.notes)


def test_headers_of_any_width(tmp_path):
    names = [f"column number {i}" for i in range(20_000)]
    path = write(tmp_path / "x.csv", ",".join(names) + "\n" + ",".join(["1"] * 20_000) + "\n")
    assert rl.read(path).columns == names
    path = write(tmp_path / "y.csv", ",".join(["a"] * 20_000) + "\n" + ",".join(["1"] * 20_000) + "\n")
    assert rl.read(path).columns[-1] == "a_20000"
    with pytest.raises(errors.FormatError, match="70000 columns"):
        rl.read(write(tmp_path / "z.csv", ",".join(["a"] * 70_000) + "\n" + "1," * 70_000 + "\n"))


def test_files_are_united_by_names(tmp_path):
    a = write(tmp_path / "a.csv", "hs,value,office\n010121,1,007\n")
    b = write(tmp_path / "b.csv", "value;more;hs\n2,5;x;020110\n")
    ships = rl.read([a, b])
    assert ships.columns == ["hs", "value", "office", "more"]
    assert ships.aggregate([], "value")["value"].to_pylist() == [3.5]
    assert ships.to_table()["office"].to_pylist() == ["007", None]
    assert sum("null there" in note for note in ships.notes) == 2
    with pytest.raises(errors.SchemaError, match="no column in common"):
        rl.read([a, write(tmp_path / "c.csv", "x,y\n1,2\n")])


# Files with random combinations of usual irregularities, and the expected results.


def generated(rng):
    """Bytes of a file, its rows, and whether cells may be reported."""
    delimiter = rng.choice([",", ";", "\t", "|"])
    end = rng.choice(["\n", "\r\n", "\r"])
    comma = delimiter != "," and rng.random() < 0.4
    encoding, words = rng.choice(
        [
            ("utf-8", ["plain", "наждак", "pipe, steel", "two words", "señal", "a;b|c"]),
            ("utf-8-sig", ["plain", "drill bit", "señal"]),
            ("utf-16", ["plain", "señal", "наждак"]),
            ("cp1251", ["Болты стальные", "Гайки и шайбы", "Насос водяной"]),
            ("gb18030", ["集成电路产品", "不锈钢管件", "无人机零件"]),
            ("ascii", ["plain", "drill bit", "pipe"]),
        ]
    )
    quoting = rng.choice(["needed", "all", "texts"])
    nulls = rng.choice(["", "NA", "-", "null"])
    rows = []
    for _ in range(rng.randrange(3, 40)):
        value = rng.choice([None, round(rng.uniform(-10, 1e6), 2), rng.randrange(0, 100_000) / 4])
        day = datetime.date(2020, 1, 1) + datetime.timedelta(days=rng.randrange(1500))
        hs = f"{rng.randrange(10_000, 980_000):06}"
        rows.append((hs, rng.choice(words) + rng.choice(["", " x", " 12"]), day, value))
    two_lines = end == "\n" and rng.random() < 0.2
    inch = not two_lines and quoting == "needed" and encoding in ("utf-8", "ascii") and rng.random() < 0.2

    def quoted(text, is_text):
        if quoting == "all" or (quoting == "texts" and is_text) or any(c in text for c in (delimiter, '"', "\n")):
            return '"' + text.replace('"', '""') + '"'
        return text

    def number(x):
        if x is None:
            return nulls
        text = f"{x:.2f}"
        return text.replace(".", ",") if comma else text

    lines = []
    if rng.random() < 0.3:
        lines += ["Statistics Office", "Exports by good"][: rng.randrange(1, 3)]
    lines.append(delimiter.join(quoted(n, True) for n in ("hs", "description", "date", "value")))
    told = set()
    for i, (hs, words_, day, value) in enumerate(rows):
        if two_lines and i % 3 == 0:
            words_ = words_ + "\nsecond line"
            rows[i] = (hs, words_, day, value)
        text = quoted(words_, True)
        if inch and i % 5 == 1:
            text = '"5 inch pipe'
            rows[i] = (hs, text, day, value)
            told.add(i)
        lines.append(
            delimiter.join([quoted(hs, True), text, quoted(day.isoformat(), False), quoted(number(value), False)])
        )
        if rng.random() < 0.05:
            lines.append("")
    if rng.random() < 0.2:
        lines = [line + delimiter if line else line for line in lines]
    text = end.join(lines) + rng.choice([end, "", end + end])
    return text.encode(encoding), rows, told


@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_files_as_people_make_them(tmp_path, part):
    path = tmp_path / "x.csv"
    for seed in range(part * 1000, part * 1000 + 1000):
        rng = random.Random(seed)
        data, rows, told = generated(rng)
        path.write_bytes(data)
        ships = read_in_blocks(path, rng.choice([5, 17, 64, 4096]))
        mended = {r["row"] for r in ships.repairs.to_pylist()}
        table = ships.to_table()
        assert len(ships) == len(rows), (seed, data)
        assert mended == told, (seed, data, ships.repairs.to_pylist())
        assert len(ships.faults) == 0, (seed, data, ships.faults.to_pylist())
        assert table["hs"].to_pylist() == [r[0] for r in rows], (seed, data)
        assert table["description"].to_pylist() == [r[1] for r in rows], (seed, data)
        assert ships.aggregate([], "date.max")["date_max"].to_pylist() == [max(r[2] for r in rows)], (seed, data)
        expected = [r[3] for r in rows]
        assert [None if v is None else float(v) for v in table["value"].to_pylist()] == expected, (seed, data)
