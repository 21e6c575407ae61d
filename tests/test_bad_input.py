"""Each kind of wrong input has its error class; the message names the place and the correction."""

import contextlib
import gzip

import polars as pl
import pyarrow as pa
import pytest
import redlane as rl
from redlane import errors


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("name", "data", "error", "words"),
    [
        ("empty.csv", "", errors.EmptyFileError, "empty"),
        ("head.csv", "hs,value\n", errors.EmptyFileError, "no record"),
        ("head2.csv", "hs,value", errors.EmptyFileError, "no record"),
        ("blank.csv", "\n\n\n", errors.EmptyFileError, "header"),
        ("cut.csv.gz", gzip.compress(b"hs,value\n0101,5\n" * 5000)[:-30], errors.TruncatedFileError, "fetch it again"),
        ("text.parquet", "hs,value\n0101,5\n", errors.FormatError, "rename it"),
        ("book.xlsx", b"PK\x03\x04" + b"x" * 100, errors.FormatError, "save the sheet as CSV"),
        ("binary.csv", bytes(range(256)) * 10, errors.FormatError, "not a text file"),
        ("ragged.csv", "a,b,c\n1\n2\n3\n4,5,6\n", errors.FormatError, "is the first line a header"),
    ],
)
def test_bad_files(tmp_path, name, data, error, words):
    path = write(tmp_path / name, data)
    with pytest.raises(error, match=words) as raised:
        rl.read(path)
    assert name in str(raised.value)
    assert isinstance(raised.value, errors.ReadError)


def test_missing_and_directory(tmp_path):
    with pytest.raises(errors.MissingFileError, match=r"nope\.csv"):
        rl.read(tmp_path / "nope.csv")
    with pytest.raises(FileNotFoundError):
        rl.read(str(tmp_path / "*.csv"))
    with pytest.raises(errors.DirectoryError, match="glob"):
        rl.read(tmp_path)


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.999])
def test_truncated_parquet(tmp_path, keep):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"hs": ["0101"] * 10_000, "value": list(range(10_000))}).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(errors.TruncatedFileError, match=r"x\.parquet"):
        rl.read(path)


def test_damaged_bytes_never_panic(tmp_path):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"hs": [f"{i:06}" for i in range(5000)], "value": list(range(5000))}).write_parquet(path)
    whole = bytearray(path.read_bytes())
    for at in range(8, len(whole) - 8, max(1, len(whole) // 60)):
        damaged = whole.copy()
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        with contextlib.suppress(errors.RedlaneError):
            rl.read(path).aggregate("hs", "value")


def test_damaged_text_never_panics(tmp_path):
    path = tmp_path / "x.csv"
    whole = b'hs,"importer",value,date\n0101,"a ""b""",5,2023-01-01\r\n0102,c,7,1/2/2023\n' * 3
    for at in range(len(whole)):
        for byte in (0x22, 0x0D, 0x0A, 0x2C, 0xFF):
            path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
            try:
                ships = rl.read(path)
                ships.faults
                ships.aggregate("importer" if "importer" in ships.columns else [], "shipments")
            except errors.RedlaneError:
                pass


def test_columns(tmp_path):
    path = write(tmp_path / "x.csv", "HS_CODE,CIF_USD,OTHER\n0101,5,1\n")
    with pytest.raises(errors.MissingColumnError, match="CIF_USD") as raised:
        rl.read(path, columns={"value": "CIF_US"})
    assert "did you mean" in str(raised.value)
    assert isinstance(raised.value, KeyError)
    with pytest.raises(errors.DuplicateRoleError, match="two roles"):
        rl.read(path, columns={"value": "OTHER", "quantity": "OTHER"})
    with pytest.raises(errors.SchemaError, match="not a role"):
        rl.read(path, columns={"price": "OTHER"})
    with pytest.raises(errors.SchemaError, match="layout"):
        rl.read(path, layout="baci")
    with pytest.raises(errors.ArgumentError, match="baci"):
        rl.read(path, layout="bacy")
    ships = rl.read(path)
    with pytest.raises(errors.MissingColumnError, match="CIF_USD"):
        ships.aggregate("CIF_USDD")
    with pytest.raises(errors.MissingColumnError, match="net_weight"):
        ships.aggregate("hs", "unit_value")
    with pytest.raises(errors.MissingColumnError, match="date"):
        ships.aggregate("month")
    with pytest.raises(errors.ArgumentError, match="median"):
        ships.aggregate("hs", "value.medain")
    with pytest.raises(errors.ArgumentError, match="distinct"):
        ships.aggregate("OTHER", "hs.mean")
    with pytest.raises(errors.ArgumentError, match="are the same key"):
        ships.aggregate(["hs", "HS_CODE"])


def test_on_fault_raise(tmp_path):
    path = write(tmp_path / "x.csv", "hs,value\n0101,5\n0102,seven\n")
    with pytest.raises(errors.FaultError, match=r"row 1, column \"value\".*seven"):
        rl.read(path, on_fault="raise")
    ragged = write(tmp_path / "y.csv", "hs,value\n0101,5\n0102\n0103,1\n")
    with pytest.raises(errors.RaggedRowError, match="too short"):
        rl.read(ragged, on_fault="raise")
    with pytest.raises(errors.ArgumentError, match="keep"):
        rl.read(path, on_fault="ignore")


def test_files_that_do_not_match(tmp_path):
    a = write(tmp_path / "a.csv", "hs,value\n0101,5\n")
    b = write(tmp_path / "b.csv", "hs,valeur\n0101,5\n")
    ships = rl.read([a, b])
    assert ships.columns == ["hs", "value", "valeur"]
    assert any("valeur" in note for note in ships.notes)
    with pytest.raises(errors.SchemaError, match="no column in common"):
        rl.read([a, write(tmp_path / "c.csv", "x,valeur\n1,5\n")])


def test_arguments():
    ships = rl.samples.shipments(1_000).ships
    for bad in (
        lambda: ships.aggregate("hs", []),
        lambda: ships.aggregate("hs", fill="zero"),
        lambda: ships.aggregate("hs", fill="one"),
        lambda: ships.compare("hs", "soon", "2022"),
        lambda: ships.compare("hs", "2031", "2030"),
        lambda: ships.compare("month", "2023", "2022"),
        lambda: ships.where(date="yesterday"),
        lambda: ships.where(value="much"),
        lambda: rl.UnitValue(min_peers=1).fit(ships),
        lambda: rl.UnitValue(measure="value/volume").fit(ships),
        lambda: rl.UnitValue(scale="sigma").fit(ships),
        lambda: rl.screen(ships, fdr=2),
        lambda: rl.fdr([2.0]),
        lambda: rl.samples.shipments(0),
        lambda: rl.read(42),
        lambda: rl.UnitValue().set_params(peers=3),
    ):
        with pytest.raises(errors.ArgumentError):
            bad()
    with pytest.raises(errors.NotFittedError):
        rl.UnitValue().score(ships)


def test_dates_no_calendar_holds():
    table = pa.table(
        {"date": pa.array([0, 2**31 - 1, -(2**31), None], pa.int32()).cast(pa.date32()), "value": [1.0] * 4}
    )
    ships = rl.read(table)
    assert [f["row"] for f in ships.faults.to_pylist()] == [1, 2]
    for every in ("day", "week", "month", "quarter", "year"):
        assert len(ships.aggregate(every, "value")) == 2
