"""Files that are inconsistent, change, come twice or do not fit each other: an error or a correct result, never a part."""

import datetime
import decimal
import gzip
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redlane as rl
from redlane import cli, errors

CSV = b"hs,value\n880622,1.5\n690912,2\n"


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def both_ways(tmp_path, first, second):
    """Two files read in both orders; the rows of the second reading are put in the order of the first."""
    a, b = parquet(tmp_path / "1.parquet", **first), parquet(tmp_path / "2.parquet", **second)
    n = pq.read_metadata(b).num_rows
    forth, back = rl.read([a, b], progress=False), rl.read([b, a], progress=False)
    assert forth.columns == back.columns
    assert forth.roles == back.roles
    assert forth.notes == back.notes
    table = forth.to_table().to_arrow()
    swapped = back.to_table().to_arrow()
    assert pa.concat_tables([swapped.slice(n), swapped.slice(0, n)]).combine_chunks() == table.combine_chunks()
    return forth, table


# Several Parquet files


@pytest.mark.parametrize(
    ("first", "second", "kind", "expected"),
    [
        ([1], [1.9], pa.float64(), [1.0, 1.9]),
        (pa.array([1], pa.int32()), [3_000_000_000], pa.int64(), [1, 3_000_000_000]),
        (pa.array([200], pa.uint8()), pa.array([-1], pa.int8()), pa.int16(), [200, -1]),
        (pa.array([2**64 - 1], pa.uint64()), [-1], pa.decimal128(20, 0), [decimal.Decimal(2**64 - 1), -1]),
        ([2**53 + 1], [0.5], pa.string_view(), ["9007199254740993", "0.5"]),
        ([1.0], ["oops"], pa.string_view(), ["1", "oops"]),
        (pa.array([0.1], pa.float32()), [0.2], pa.float64(), [float(pa.scalar(0.1, pa.float32()).as_py()), 0.2]),
        (
            pa.array([decimal.Decimal("1.25")]),
            [3],
            pa.decimal128(21, 2),
            [decimal.Decimal("1.25"), decimal.Decimal(3)],
        ),
        (
            [datetime.date(2023, 1, 1)],
            [datetime.datetime(2023, 3, 5, 12)],
            pa.timestamp("us"),
            [datetime.datetime(2023, 1, 1), datetime.datetime(2023, 3, 5, 12)],
        ),
        ([datetime.date(2023, 1, 1)], ["05.03.2023"], pa.string_view(), ["2023-01-01", "05.03.2023"]),
        ([datetime.date(2023, 1, 1)], [20230305], pa.string_view(), ["2023-01-01", "20230305"]),
        (pa.array(["a"]).dictionary_encode(), ["b"], pa.string_view(), ["a", "b"]),
        (pa.array([None], pa.null()), ["b"], pa.string_view(), [None, "b"]),
        (pa.array([None], pa.null()), [5], pa.int64(), [None, 5]),
        ([True], [7], pa.string_view(), ["true", "7"]),
    ],
)
def test_types_are_promoted_without_loss(tmp_path, first, second, kind, expected):
    for name in ("other", "value", "date"):  # read later, as numbers, as days
        _, table = both_ways(tmp_path, {"hs": ["880622"], name: first}, {"hs": ["880622"], name: second})
        assert table[name].type == kind
        assert table[name].to_pylist() == expected


def test_united_roles_keep_totals_and_faults(tmp_path):
    ships, _ = both_ways(tmp_path, {"hs": ["880622"], "value": [1]}, {"hs": ["880622"], "value": [1.9]})
    assert ships.aggregate([], "value")["value"].to_pylist() == [2.9]
    ships, _ = both_ways(tmp_path, {"hs": ["880622"], "value": [1.0]}, {"hs": ["880622"], "value": ["oops"]})
    assert [(f["row"], f["raw"]) for f in ships.faults.to_pylist()] == [(1, "oops")]
    assert any("text" in note and "1.parquet" in note and "2.parquet" in note for note in ships.notes)
    ships, _ = both_ways(
        tmp_path, {"date": [datetime.date(2023, 1, 1)], "hs": [10121]}, {"date": ["05.03.2023"], "hs": ["880622"]}
    )
    assert len(ships.aggregate("day", "shipments")) == 2
    assert len(ships.where(date="2023-03-05")) == 1


def test_columns_of_some_files_are_null_in_the_others(tmp_path):
    ships, table = both_ways(
        tmp_path, {"hs": ["880622"], "value": [1.0]}, {"more": ["x"], "value": [2.0], "hs": ["690912"]}
    )
    assert table["more"].to_pylist() == [None, "x"]
    assert table["hs"].to_pylist() == ["880622", "690912"]
    note = next(note for note in ships.notes if "more" in note)
    assert "1 of 2" in note
    assert "1.parquet" in note
    assert "2.parquet" not in note
    ships, table = both_ways(tmp_path, {"hs": ["880622"], "weight": [1]}, {"hs": ["690912"], "value": [7]})
    assert table["value"].to_pylist() == [None, 7]
    assert ships.aggregate("hs", "value")["value"].to_pylist() == [7.0, None]


def test_what_cannot_be_united_names_files_and_types(tmp_path):
    a = parquet(tmp_path / "1.parquet", hs=["880622"], parts=[[1, 2]])
    b = parquet(tmp_path / "2.parquet", hs=["880622"], parts=["x"])
    for files in ([a, b], [b, a]):
        with pytest.raises(errors.SchemaError, match=r"parts.*List.*1\.parquet.*text.*2\.parquet"):
            rl.read(files)


def test_footers_without_statistics_are_not_trusted(tmp_path):
    for most, kind in ((2**53, pa.float64()), (2**53 + 1, pa.string_view())):
        a, b = tmp_path / "1.parquet", tmp_path / "2.parquet"
        pq.write_table(pa.table({"hs": ["880622"], "count": [most]}), a, write_statistics=False)
        parquet(b, hs=["880622"], count=[0.5])
        assert rl.read([a, b]).to_table().to_arrow()["count"].type == kind


def test_repeated_names_keep_their_own_data(tmp_path):
    path = tmp_path / "x.parquet"
    columns = [pa.array(["880622", "690912"]), pa.array([1.0, 2.0]), pa.array([10, 20]), pa.array([777, 888])]
    pq.write_table(pa.table(columns, names=["hs", "value", "x", "x"]), path)
    ships = rl.read(path)
    assert ships.columns == ["hs", "value", "x", "x_2"]
    assert ships.to_table()["x"].to_pylist() == [10, 20]
    assert ships.to_table()["x_2"].to_pylist() == [777, 888]
    assert any("x_2" in note for note in ships.notes)
    pq.write_table(pa.table(columns, names=["hs", "value", "v", "value"]), path)
    ships = rl.read(path)
    assert ships.aggregate([], "value")["value"].to_pylist() == [3.0]
    assert ships.to_table()["value_2"].to_pylist() == [777, 888]


# Names of files


def test_names_that_are_not_utf_8(tmp_path):
    (tmp_path / "a.csv").write_bytes(CSV)
    odd = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    with open(odd, "wb") as file:
        file.write(CSV)
    assert len(rl.read(tmp_path / "*.csv")) == 4
    for source in (odd, os.fsdecode(odd), pathlib.Path(os.fsdecode(odd)), os.fsencode(tmp_path) + b"/caf\xe9*", [odd]):
        assert len(rl.read(source)) == 2
    with pytest.raises(errors.MissingFileError):
        rl.read(os.fsencode(tmp_path) + b"/caf\xe8.csv")


def test_a_file_given_twice(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    (tmp_path / "link.csv").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    for source in ([path, path], [path, "a.csv"], [path, tmp_path / "[a]*.csv"], [path, "link.csv"], "*.csv"):
        with pytest.raises(errors.ArgumentError, match="twice"):
            rl.read(source)


def test_links_to_nothing(tmp_path):
    (tmp_path / "a.csv").write_bytes(CSV)
    (tmp_path / "dead.csv").symlink_to(tmp_path / "gone")
    for source in (tmp_path / "*.csv", tmp_path / "dead.csv"):
        with pytest.raises(errors.MissingFileError, match=r"dead\.csv.*gone"):
            rl.read(source)


CLOSED = """
import os, pathlib, sys
import redlane as rl
from redlane import errors

folder = pathlib.Path(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)  # the superuser may read everything
for source in ("*/*.csv", "**/*.csv", "closed/b.csv", "closed/*.csv", "a.csv", "*.csv"):
    try:
        rl.read(folder / source, progress=False)
    except errors.AccessError as error:
        assert isinstance(error, PermissionError)
        print("told")
"""


def test_closed_files_and_folders():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir()
        for path in (folder / "a.csv", folder / "closed" / "b.csv"):
            path.write_bytes(CSV)
            path.chmod(0)
        (folder / "closed").chmod(0)
        done = subprocess.run([sys.executable, "-c", CLOSED, name], capture_output=True, timeout=60)
        (folder / "closed").chmod(0o755)
    assert done.stdout.split() == [b"told"] * 6, done.stderr


@pytest.mark.parametrize(
    "source", ["https://host/x.csv", "s3://bucket/x*.parquet", pathlib.Path("gs://bucket/x.csv"), "file:///tmp/x.csv"]
)
def test_addresses(source):
    with pytest.raises(errors.ReadError, match="address") as raised:
        rl.read(source)
    assert not isinstance(raised.value, errors.MissingFileError)


def test_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").write_bytes(CSV)
    for source in ("~/a.csv", "~/*.csv", ["~/a.csv"], b"~/a.csv"):
        ships = rl.read(source)
        assert len(ships) == 2
    ships.to_table().to_csv("~/out.csv")
    ships.to_table().to_parquet(pathlib.Path("~/out.parquet"))
    cli.main(["aggregate", "~/a.csv", "--by", "hs", "--measures", "value", "--output=~/cli.csv"])
    assert {"out.csv", "out.parquet", "cli.csv"} <= {p.name for p in tmp_path.iterdir()}


# Pipes


def fill(path, data):
    def write():
        with open(path, "wb") as file:
            file.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def as_parquet(tmp_path):
    return parquet(tmp_path / "x.parquet", hs=["880622", "690912"], value=[1.5, 2.0]).read_bytes()


@pytest.mark.parametrize("form", ["csv", "gzip", "zstd", "parquet", "long"])
def test_pipes_of_any_length(tmp_path, form):
    rows = 2
    data = {"csv": CSV, "gzip": gzip.compress(CSV), "parquet": b"", "zstd": b"", "long": b""}[form]
    if form == "parquet":
        data = as_parquet(tmp_path)
    elif form == "zstd":
        data = pa.compress(CSV, codec="zstd", asbytes=True)
    elif form == "long":
        data, rows = CSV + b"880622,1\n" * 200_000, 200_002
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = fill(pipe, data)
    ships = rl.read(pipe, progress=False)
    thread.join()
    assert len(ships) == rows
    assert ships.to_table()["value"].to_pylist()[:2] == [1.5, 2.0]


@pytest.mark.parametrize("form", ["csv", "gzip", "parquet"])
@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_the_standard_input(tmp_path, form, name):
    data = {"csv": CSV, "gzip": gzip.compress(CSV), "parquet": as_parquet(tmp_path)}[form]
    code = f"import redlane as rl; print(len(rl.read({name!r}, progress=False)))"
    for command, expected in (
        ([sys.executable, "-c", code], b"2\n"),
        ([sys.executable, "-m", "redlane", "summary", name], b"2 shipments"),
    ):
        done = subprocess.run(command, input=data, capture_output=True, timeout=60)
        assert done.stdout.startswith(expected), done.stderr
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as file:
        done = subprocess.run([sys.executable, "-c", code], stdin=file, capture_output=True, timeout=60)
    assert done.stdout == b"2\n", done.stderr


def test_an_empty_pipe_is_an_empty_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = fill(pipe, b"")
    with pytest.raises(errors.EmptyFileError):
        rl.read(pipe, progress=False)
    thread.join()


def test_waiting_for_a_pipe_heeds_ctrl_c(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for keep_open in (False, True):
        code = f"import redlane as rl; print('ready', flush=True); rl.read({str(pipe)!r}, progress=False)"
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        writer = os.open(pipe, os.O_WRONLY) if keep_open else None
        if writer is not None:
            os.write(writer, b"hs,va")
            time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        try:
            _, told = child.communicate(timeout=20)
        finally:
            child.kill()
            if writer is not None:
                os.close(writer)
        assert b"KeyboardInterrupt" in told


# Files that change


def table_of(n, start=0):
    return pa.table({"hs": ["880622"] * n, "value": [1.0] * n, "other": range(start, start + n)})


def test_a_file_written_over_is_told(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(table_of(1000), path)
    ships = rl.read(path)
    pq.write_table(table_of(1000, start=500), path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(errors.ReadError, match="changed"):
        ships.to_table()["other"]
    assert ships.aggregate([], "value")["value"].to_pylist() == [1000.0]


def test_a_file_whose_name_another_takes_is_read_on(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(table_of(1000), path)
    ships = rl.read(path)
    pq.write_table(table_of(10), tmp_path / "new")
    os.replace(tmp_path / "new", path)
    assert ships.to_table()["other"].to_pylist() == list(range(1000))
    os.unlink(path)
    assert len(ships.to_table()) == 1000


def test_many_files_do_not_stay_open(tmp_path):
    for i in range(300):
        pq.write_table(table_of(2, start=2 * i), tmp_path / f"{i:03}.parquet")
    ships = rl.read(tmp_path / "*.parquet")
    assert len(os.listdir("/proc/self/fd")) < 200 if os.path.isdir("/proc/self/fd") else True
    assert ships.to_table()["other"].to_pylist() == list(range(600))


# Damaged files


def corpus(tmp_path):
    n = 3000
    table = pa.table(
        {
            "hs": [f"{i % 97:06}" for i in range(n)],
            "origin": pa.array(["CN", "DE", None] * (n // 3)).dictionary_encode(),
            "date": pa.array([datetime.date(2023, 1, 1)] * n),
            "value": [i * 0.5 for i in range(n)],
            "note": [f"text {i}" for i in range(n)],
            "count": range(n),
            "paid": pa.array([decimal.Decimal(f"{i}.25") for i in range(n)]),
            "flag": [i % 2 == 0 for i in range(n)],
            "parts": [[i, None] for i in range(n)],
        }
    )
    for name, options in {
        "plain": {"compression": "none", "use_dictionary": False},
        "snappy": {"compression": "snappy", "row_group_size": 700},
        "v2": {"compression": "zstd", "data_page_version": "2.0"},
        "delta": {
            "compression": "none",
            "use_dictionary": False,
            "column_encoding": {
                "count": "DELTA_BINARY_PACKED",
                "note": "DELTA_BYTE_ARRAY",
                "hs": "DELTA_LENGTH_BYTE_ARRAY",
            },
        },
    }.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(table, path, **options)
        yield path


def use(path):
    ships = rl.read(path, progress=False)
    ships.summary()
    ships.faults
    if "hs" in ships.roles:
        ships.aggregate(["hs2"], ["shipments"])
    ships.to_table().to_arrow().validate(full=True)


def test_damage_is_told_and_prints_nothing(tmp_path, capfd):
    rng = random.Random(7)
    told = []
    for path in corpus(tmp_path):
        use(path)
        whole = path.read_bytes()
        for i in range(150):
            damaged = bytearray(whole)
            # Half of the damage goes to the footer, which is small.
            low = len(whole) - 3000 if i % 2 else 4
            for _ in range(rng.choice([1, 1, 4])):
                damaged[rng.randrange(low, len(whole) - 8)] = rng.randrange(256)
            path.write_bytes(damaged)
            try:
                use(path)
            except errors.ReadError as error:
                told.append(path.name in str(error))
            except (errors.RedlaneError, pa.ArrowInvalid):
                told.append(True)
    assert len(told) > 100
    assert all(told)
    assert "panicked" not in capfd.readouterr().err


def test_a_list_longer_than_the_footer_takes_no_memory(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(table_of(10), path)
    whole = path.read_bytes()
    size = int.from_bytes(whole[-8:-4], "little")
    # A footer that claims two billion row groups.
    footer = bytes([0x15, 4, 0x49, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 7, 0])
    path.write_bytes(whole[: -8 - size] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(errors.FormatError, match=r"x\.parquet.*footer"):
        rl.read(path)


# Compression


def test_gzip_padding_and_garbage(tmp_path):
    path = tmp_path / "x.csv.gz"
    whole = gzip.compress(CSV)
    for padding in (b"\0", b"\0" * 511, b"\0" * 400_000):
        path.write_bytes(whole + padding)
        assert len(rl.read(path)) == 2
    for garbage in (b"x", b"\0\0880622,9\n", b"880622,9\n"):
        path.write_bytes(whole + garbage)
        with pytest.raises(errors.FormatError, match="behind the compressed data"):
            rl.read(path)
    path.write_bytes(whole[:-3])
    with pytest.raises(errors.TruncatedFileError):
        rl.read(path)


def test_zstd_frames(tmp_path):
    path = tmp_path / "x.csv.zst"
    skip = bytes([0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0]) + b"abc"
    first, second = (pa.compress(part, codec="zstd", asbytes=True) for part in (CSV[:13], CSV[13:]))
    for data in (first + second, skip + first + skip + second + skip):
        path.write_bytes(data)
        assert len(rl.read(path)) == 2
    path.write_bytes(first + second[:-4])
    with pytest.raises(errors.TruncatedFileError):
        rl.read(path)
    path.write_bytes(first + second + b"880622,9\n")
    with pytest.raises(errors.FormatError, match="damaged"):
        rl.read(path)


def test_other_wrappings_have_their_own_message(tmp_path):
    data = as_parquet(tmp_path)
    for name, content, words in (
        ("x.parquet.gz", gzip.compress(data), "Parquet file inside"),
        ("x.gz.parquet", gzip.compress(data), "unpack it"),
        ("x.csv.bz2", b"BZh91AY&SY", "bzip2"),
        ("y.parquet", b"PARE" + b"x" * 40 + b"PARE", "encrypted"),
        ("z.parquet", data[:-4] + b"PARE", "encrypted"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(errors.FormatError, match=words):
            rl.read(tmp_path / name)


def test_encrypted_columns_are_told(tmp_path):
    crypto = pytest.importorskip("pyarrow.parquet.encryption")

    class Keys(crypto.KmsClient):
        def __init__(self, config):
            super().__init__()

        def wrap_key(self, key, name):
            return key

        def unwrap_key(self, key, name):
            return key

    factory = crypto.CryptoFactory(Keys)
    for plain in (True, False):
        config = crypto.EncryptionConfiguration(
            footer_key="f", column_keys={"k": ["other"]}, plaintext_footer=plain, double_wrapping=False
        )
        properties = factory.file_encryption_properties(crypto.KmsConnectionConfig(), config)
        path = tmp_path / "x.parquet"
        with pq.ParquetWriter(path, table_of(5).schema, encryption_properties=properties) as writer:
            writer.write_table(table_of(5))
        with pytest.raises(errors.FormatError, match="encrypted"):
            rl.read(path)
