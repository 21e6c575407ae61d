"""Arrow data, pickles and states from outside give an error of redlane or a usable object."""

import pickle
import random
import struct
import subprocess
import sys

import polars as pl
import pyarrow as pa
import pytest
import redlane as rl
from redlane import _core, errors


def ints(*values):
    return pa.py_buffer(struct.pack(f"<{len(values)}i", *values))


def view(length, prefix, buffer=0, start=0):
    return struct.pack("<I4sII", length, prefix, buffer, start)


def inline(text):
    return struct.pack("<I12s", len(text), text)


def broken_arrays():
    kinds = {
        "not ascending": pa.StringArray.from_buffers(3, ints(0, 4, 2, 6), pa.py_buffer(b"abcdef")),
        "cut in a letter": pa.StringArray.from_buffers(3, ints(0, 1, 2, 3), pa.py_buffer("éa".encode())),
        "not UTF-8": pa.StringArray.from_buffers(3, ints(0, 1, 2, 3), pa.py_buffer(b"a\xffb")),
    }
    for name, bad in {
        "long view": view(2**32 - 1, b"aaaa"),
        "other buffer": view(20, b"xxxx", 7),
        "beyond the buffer": view(20, b"xxxx", 0, 190),
        "other beginning": view(20, b"yyyy"),
        "padded": struct.pack("<I12s", 1, b"ab"),
    }.items():
        views = pa.py_buffer(bad + inline(b"a") + inline(b"b"))
        kinds[name] = pa.Array.from_buffers(pa.string_view(), 3, [None, views, pa.py_buffer(b"x" * 200)])
    codes = pa.array([0, 99, -1], pa.int32())
    kinds["code without a label"] = pa.DictionaryArray.from_arrays(codes, pa.array(["a", "b"]), safe=False)
    kinds["list"] = pa.ListArray.from_buffers(
        pa.list_(pa.int8()), 3, [None, ints(0, 3, 1, 2)], children=[pa.array([1, 2, 3], pa.int8())]
    )
    kinds["within a struct"] = pa.StructArray.from_arrays([kinds["not ascending"]], ["inner"])
    return kinds


@pytest.mark.parametrize("name", broken_arrays())
def test_broken_arrow_names_its_column(name):
    bad = broken_arrays()[name]
    table = pa.table({"hs": ["880622", "690912", "010121"], "value": [1.0, 2.0, 3.0], "x": bad})
    for take in (lambda: rl.read(table, progress=False), lambda: rl.Table(table)):
        with pytest.raises(errors.ReadError, match='"x"'):
            take()
    with pytest.raises(errors.ReadError, match='"x"'):
        rl.Rarity.from_state(table, of="x", given=("hs",))


def test_slices_and_unused_parts_of_arrays_are_fine():
    long = pl.DataFrame(
        {"hs": [f"{i:06}" for i in range(5000)], "name": ["Zoë & Søn, a long name" + str(i) for i in range(5000)]}
    )
    table = long.to_arrow()
    plain = table.cast(pa.schema([("hs", pa.string()), ("name", pa.string())]))
    for source in (table, plain, plain.cast(pa.schema([("hs", pa.large_string()), ("name", pa.string_view())]))):
        parts = pa.Table.from_batches(source.to_batches(max_chunksize=700)).slice(1234, 2000)
        assert rl.Table(parts).to_pylist() == long[1234:3234].to_dicts()
        assert rl.read(parts, progress=False).to_polars().to_dicts() == long[1234:3234].to_dicts()
    # Data outside the slice are not read.
    bad = pa.StringArray.from_buffers(3, ints(0, 1, 2, 3), pa.py_buffer(b"ab\xff"))
    assert rl.Table(pa.table({"x": bad}).slice(0, 2))["x"].to_pylist() == ["a", "b"]


def test_views_of_nulls_may_be_anything():
    views = pa.py_buffer(view(2**32 - 1, b"aaaa") + inline(b"a") + inline(b"b"))
    held = pa.Array.from_buffers(pa.string_view(), 3, [pa.py_buffer(b"\x06"), views])
    table = rl.Table(pa.table({"x": held}))
    assert table["x"].to_pylist() == [None, "a", "b"]
    assert rl.read(table, progress=False).aggregate("x", "shipments").to_pylist()[-1] == {"x": None, "shipments": 1}


def test_a_producer_that_fails_says_why():
    def batches():
        yield pa.record_batch({"hs": ["010121"]})
        raise RuntimeError("the database went away")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("hs", pa.string())]), batches())
    with pytest.raises(errors.ReadError, match="the database went away"):
        rl.read(reader, progress=False)

    class Producer:
        def __arrow_c_stream__(self, requested_schema=None):
            raise ValueError("no connection")

    with pytest.raises(errors.ReadError, match="no connection") as caught:
        rl.read(Producer(), progress=False)
    assert isinstance(caught.value.__cause__, ValueError)
    capsule = pa.table({"a": [1]}).__arrow_c_stream__()

    class Twice:
        def __arrow_c_stream__(self, requested_schema=None):
            return capsule

    rl.Table(Twice())
    with pytest.raises(errors.ReadError, match="read before"):
        rl.Table(Twice())


SILENT = """
import ctypes, redlane as rl
from redlane import errors

class Stream(ctypes.Structure):
    pass

GET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.c_void_p)
TEXT = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(Stream))
RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(Stream))
Stream._fields_ = [
    ("get_schema", GET), ("get_next", GET), ("get_last_error", TEXT), ("release", RELEASE), ("private", ctypes.c_void_p)
]
release = RELEASE(lambda stream: None)
fail, silent = GET(lambda stream, out: 5), TEXT(lambda stream: None)
stream = Stream(fail, fail, silent, release, None)
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

class Producer:
    def __arrow_c_stream__(self, requested_schema=None):
        return new(ctypes.addressof(stream), b"arrow_array_stream", None)

try:
    rl.read(Producer(), progress=False)
except errors.ReadError as error:
    print(error)
"""


def test_a_producer_may_fail_without_a_word():
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, check=False)
    assert "gave no reason" in done.stdout, done


def test_a_schema_that_forbids_nulls_is_kept_to():
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    with pytest.raises(errors.ReadError, match="a"):
        rl.read(pa.Table.from_arrays([pa.array([1, None])], schema=schema), progress=False)


def test_no_table_is_an_argument_error():
    for wrong in (None, 5, "x", [1]):
        with pytest.raises(errors.ArgumentError, match="__arrow_c_stream__"):
            rl.UnitValue.from_state(wrong)


@pytest.fixture(scope="module")
def ships():
    return rl.samples.shipments(3000, seed=3).ships


def test_mangled_pickles(ships):
    """Every pickle that is cut or changed is an error, or a table; run with little memory."""
    good = rl.Table(ships.aggregate(["hs2", "origin"], ["shipments", "value.median"]))._core.to_ipc()
    for end in range(0, len(good), 97):
        with pytest.raises(errors.FormatError):
            _core.Table.from_ipc(good[:end])
    chance = random.Random(5)
    for _ in range(3000):
        bytes_ = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(min(len(bytes_), 1200))
            bytes_[at] = chance.choice([0, 1, 0x40, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        try:
            table = rl.Table(_core.Table.from_ipc(bytes(bytes_)))
            repr(table)
        except errors.RedlaneError:
            pass


def test_a_pickle_that_states_more_than_it_holds(ships):
    """A stated body of 2^62 bytes must not be allocated before it is checked."""
    good = bytearray(rl.Table(ships.aggregate("hs2", "shipments"))._core.to_ipc())
    second = 8 + struct.unpack_from("<I", good, 4)[0]
    header = good[second + 8 : second + 8 + struct.unpack_from("<I", good, second + 4)[0]]
    body = len(good) - 8 - second - 8 - len(header)
    at = second + 8 + bytes(header).index(struct.pack("<q", body))
    struct.pack_into("<q", good, at, 2**62)
    with pytest.raises(errors.FormatError, match="bytes"):
        _core.Table.from_ipc(bytes(good))


def test_a_rebuilt_view_with_wrong_columns(ships):
    make, (ipc, reading, faults, repairs, totals) = ships.__reduce__()
    layout, roles, digits, first, _, *rest = reading
    for wrong in (
        (layout, roles, digits, first, [99], *rest),
        (layout, [("value", 0, float("nan"))], digits, first, [], *rest),
        (layout, [("valeur", 0, 1.0)], digits, first, [], *rest),
    ):
        with pytest.raises(errors.FormatError):
            make(ipc, wrong, faults, repairs)
    with pytest.raises(errors.FormatError):
        make(ipc, reading, [(10**6, "value", None, "not a number")], repairs)
    with pytest.raises(errors.FormatError):
        make(ipc, reading, faults, repairs, [("a total", [10**6])])
    assert len(make(ipc, reading, faults, repairs, totals)) == len(ships)


def detectors():
    chosen = {
        "UnitValue": rl.UnitValue(min_peers=5),
        "ValueWeight": rl.ValueWeight(min_peers=6),
        "ValueWeight of money": rl.ValueWeight(min_peers=6, log=False),
        "Rarity": rl.Rarity(),
        "Repeats": rl.Repeats(threshold=10_000),
        "Digits": rl.Digits(entity="importer", min_values=50, min_products=1),
        "Isolation": rl.Isolation(columns=("value", "net_weight", "origin"), trees=5),
        "Ecod": rl.Ecod(columns=("value", "net_weight")),
        "Surge": rl.Surge(by=("hs2",)),
        "Newcomer": rl.Newcomer(entity=("importer",), min_peers=3, burn_in=100),
        "MirrorGap": rl.MirrorGap(by=("origin", "destination")),
        "Divergence": rl.Divergence(by=("hs2",)),
        "Diversion": rl.Diversion(target="RU", event="2022-03-01", by=("hs2",)),
    }
    for cls in rl.detectors.ALL:
        if cls.__name__ not in chosen:
            chosen[cls.__name__] = cls()
    return chosen


STRANGE = [
    float("nan"),
    float("inf"),
    float("-inf"),
    -1.0,
    0.0,
    0.5,
    1e300,
    5e-324,
    2.0**31,
    -(2.0**31),
    2.0**63,
    3e6,
    None,
]


def mutated(table, chance):
    """The table with one thing changed, and what."""
    names = table.column_names
    at = chance.randrange(len(names))
    name, column = names[at], table.column(at).combine_chunks()
    kind = column.type

    def put(new):
        return table.set_column(at, name, new)

    change = chance.choice(
        ["drop", "rename", "type", "empty", "null", "twice", "numbers", "numbers", "numbers", "rows"]
    )
    what = f"{change} {name}"
    if change == "drop":
        return table.drop_columns([name]), what
    if change == "rename":
        return table.rename_columns(["x" if n == name else n for n in names]), what
    if change == "twice":
        return table.append_column(name, table.column(chance.randrange(len(names)))), what
    if change == "empty":
        return table.slice(0, 0), what
    if change == "null":
        return put(pa.nulls(len(table), chance.choice([kind, pa.null()]))), what
    if change == "rows":
        order = [chance.randrange(len(table)) for _ in range(len(table))]
        values = column.to_pylist()
        return put(pa.array([values[i] for i in order], kind)), what
    if change == "type":
        other = chance.choice(
            [
                pa.string(),
                pa.float64(),
                pa.int64(),
                pa.list_(pa.string()),
                pa.list_(pa.int32()),
                pa.bool_(),
                pa.timestamp("us"),
            ]
        )
        filler = {"string": "7", "bool": True, "timestamp[us]": 0}.get(
            str(other), [1] if pa.types.is_list(other) else 1
        )
        if other == pa.list_(pa.string()):
            filler = ["a"]
        return put(pa.array([filler] * len(table), other)), what
    values = column.to_pylist()
    strange = chance.choice(STRANGE)
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        rows = [i for i, v in enumerate(values) if v] or [0]
        for row in rows if chance.random() < 0.3 else rows[:1]:
            numbers = list(values[row] or [])
            how = chance.choice(["one", "all", "longer", "shorter", "shuffled"])
            if how == "one" and numbers:
                numbers[chance.randrange(len(numbers))] = strange
            elif how == "all":
                numbers = [strange] * len(numbers)
            elif how == "longer":
                numbers = numbers + [strange] * chance.choice([1, 5, 1000])
            elif how == "shorter":
                numbers = numbers[1:]
            else:
                chance.shuffle(numbers)
            values[row] = numbers
        return put(pa.array(values, pa.large_list(pa.float64()))), f"{what} {strange}"
    if pa.types.is_integer(kind):
        big = chance.choice([-1, 0, 2**31, 2**62, 2**63 - 1])
        return put(pa.array([big] * len(table), pa.int64())), f"{what} {big}"
    if pa.types.is_floating(kind):
        return put(pa.array([strange] * len(table), pa.float64())), f"{what} {strange}"
    return put(pa.array([None if chance.random() < 0.5 else "\x00ü" for _ in values], pa.string())), what


@pytest.mark.parametrize("name", detectors())
def test_mutated_states(name, ships):
    """A changed state gives an error of redlane that names the problem, or a fit that can score and be merged."""
    detector = detectors()[name]
    params = detector.get_params()
    state = detector.fit(ships).state().to_arrow()
    cls = type(detector)
    other = cls.from_state(state, **params)
    chance = random.Random(name)
    told = {}
    for _ in range(150):
        changed, what = mutated(state, chance)
        try:
            fitted = cls.from_state(changed, **params)
            assert isinstance(fitted.score(ships).head(200).to_pylist(), list)
            again = fitted.merge(other).state().to_arrow()
            cls.from_state(again, **params)
        except errors.RedlaneError as error:
            told[what] = error
    vague = {what: error for what, error in told.items() if type(error) is errors.RedlaneError}
    assert not vague


def test_wrong_states_name_the_column(ships):
    state = rl.Surge(by=("hs2",)).fit(ships).state().to_arrow()

    def change(table, column, make):
        at = table.column_names.index(column)
        return table.set_column(at, column, pa.array(make(table[column].to_pylist()), pa.large_list(pa.float64())))

    def first(x):
        return lambda values: [[x, *values[0][1:]], *values[1:]]

    for x in (3e6, 2e9, 0.5, 17.0, float("nan")):
        with pytest.raises(errors.ArgumentError, match='"periods"'):
            rl.Surge.from_state(change(state, "periods", first(x)), by=("hs2",))
    with pytest.raises(errors.ArgumentError, match="no records"):
        rl.Surge.from_state(state.slice(0, 0), by=("hs2",))
    lines = rl.ValueWeight(min_peers=6).fit(ships).state().to_arrow()
    with pytest.raises(errors.ArgumentError, match='"net_weight_values" holds a missing number'):
        rl.ValueWeight.from_state(
            change(lines, "net_weight_values", lambda v: [[float("nan")] * len(x) for x in v]), min_peers=6
        )
    digits = rl.Digits(entity="importer", min_values=50, min_products=1)
    held = digits.fit(ships).state().to_arrow()
    with pytest.raises(errors.ArgumentError, match='"digits" holds 0'):
        rl.Digits.from_state(change(held, "digits", lambda v: [[0.0] * len(x) for x in v]), **digits.get_params())
    with pytest.raises(errors.ArgumentError, match="200 years"):
        rl.Newcomer(entity=("importer",), window=2**31 - 1).fit_score(ships)


def test_states_through_other_hands(ships):
    """A state may pass through pandas or polars."""
    for name, detector in detectors().items():
        fitted = detector.fit(ships)
        state = fitted.state()
        expected = fitted.score(ships).to_polars()
        for other in (state.to_polars(), state.to_arrow()):
            copy = type(detector).from_state(other, **detector.get_params())
            assert copy.score(ships).to_polars().equals(expected), name
        assert pickle.loads(pickle.dumps(fitted)).score(ships).to_polars().equals(expected), name


def test_nul_in_a_column_name(tmp_path):
    names = ["hs", *(f"a_column_with_a_long_name_{i}" for i in range(200)), "va\0lue"]
    line = ",".join(["0101", *"1" * 200, "5"])
    (tmp_path / "x.csv").write_text(",".join(names) + "\n" + "\n".join([line] * 20) + "\n")
    ships = rl.read(tmp_path / "x.csv", progress=False)
    assert ships.columns == [*names[:-1], "value"]
    assert len(ships.to_table()) == 20
    assert repr(ships.to_table())
    pl.DataFrame({"hs": ["0101"], "a\0b": [1], "ab": [2]}).write_parquet(tmp_path / "x.parquet")
    ships = rl.read(tmp_path / "x.parquet", progress=False)
    assert ships.columns == ["hs", "ab_2", "ab"]
    assert ships.to_table().to_pylist() == [{"hs": "0101", "ab_2": 1, "ab": 2}]
    assert any("NUL" in note for note in ships.notes)
    assert pickle.loads(pickle.dumps(ships)).columns == ships.columns
    ships.to_table().to_parquet(tmp_path / "y.parquet")
    assert pl.read_parquet(tmp_path / "y.parquet").columns == ships.columns
