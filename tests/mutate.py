"""Damages inputs of one kind, one after the other, and reads them: `python mutate.py KIND SEED SECONDS`.

A line `start SEED` goes out before each input and `done SEED` behind it, so that whoever watches knows which input
crashed, hung or took too long. An exception that is not redlane's own ends the run with its traceback.
"""

import gzip
import io
import random
import struct
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import redlane as rl
from redlane import _core
from redlane.errors import RedlaneError

FOLDER = Path(tempfile.mkdtemp())
DETECTORS = {
    "UnitValue": {"min_peers": 5},
    "ValueWeight": {"min_peers": 6},
    "Rarity": {},
    "Repeats": {},
    "Digits": {"entity": "importer", "min_values": 20, "min_products": 1},
    "Isolation": {},
    "Ecod": {},
    "Surge": {"by": ("hs2",)},
    "Newcomer": {"entity": ("importer",)},
    "Divergence": {"current": "2023", "base": "2022"},
}


def frame(n=60):
    return rl.samples.shipments(max(n, 50), seed=3).ships.to_polars()


def damage(data, rng):
    """Bytes with some of them changed, removed, inserted, repeated or cut off."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        if not data:
            break
        at = rng.randrange(len(data))
        match rng.randrange(8):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice([0, 0x22, 0x0A, 0x0D, 0x2C, 0xFF, 0x7F, 0x80])
            case 2:
                del data[at : at + rng.choice([1, 4, 100])]
            case 3:
                data[at:at] = rng.choice([b"\x00", b'"', b"\n", b"\xff\xff\xff\xff", b"\xef\xbb\xbf", b"1e999"])
            case 4:
                data[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"])
            case 5:
                data[at:at] = data[max(0, at - 50) : at]
            case 6:
                data = data[: max(1, at)] if rng.random() < 0.3 else data
            case _:
                data[at : at + 8] = rng.randbytes(8)
    return bytes(data)


def use(ships):
    """The first calls that a user makes."""
    rows = len(ships)
    assert all(0 <= f["row"] < rows for f in ships.faults.to_pylist())
    ships.summary()
    for role in ("hs", "importer", "month", "origin"):
        try:
            table = ships.aggregate(role, ["shipments", "value"])
        except RedlaneError:
            continue
        assert sum(table["shipments"].to_pylist()) == rows
    assert len(ships.to_table().to_arrow()) == rows
    ships.notes
    repr(ships)


def read_file(name, data):
    path = FOLDER / name
    path.write_bytes(data)
    use(rl.read(path, progress=False))


def csv_text(rng):
    out = io.BytesIO()
    frame().write_csv(out, separator=rng.choice([",", ";", "\t"]), quote_style=rng.choice(["necessary", "always"]))
    return out.getvalue()


def text(rng):
    read_file("x.csv", damage(csv_text(rng), rng))


def packed(rng):
    read_file("x.csv.gz", damage(gzip.compress(csv_text(rng)), rng))


def parquet(rng):
    out = io.BytesIO()
    kind = rng.choice(["snappy", "zstd", "none", "gzip"])
    pq.write_table(
        frame().to_arrow(),
        out,
        compression=kind,
        use_dictionary=rng.random() < 0.7,
        data_page_version=rng.choice(["1.0", "2.0"]),
        row_group_size=rng.choice([20, 1000]),
    )
    read_file("x.parquet", damage(out.getvalue(), rng))


def ipc(rng):
    table = rl.read(frame(), progress=False)
    if rng.random() < 0.5:
        made = _core.Table.from_ipc(damage(bytes(table.aggregate("hs")._core.to_ipc()), rng))
        len(made)
        made.column_names
        pa.table(made)
    else:
        core = table._core
        use(
            rl.Shipments(
                _core.Shipments.rebuild(
                    damage(bytes(core.to_ipc()), rng),
                    core.reading(),
                    core.read_faults(),
                    core.read_repairs(),
                    core.total_rows(),
                )
            )
        )


def states(rng):
    ships = rl.samples.shipments(400, seed=rng.randrange(5)).ships
    name = rng.choice(sorted(DETECTORS))
    detector = getattr(rl, name)(**DETECTORS[name])
    state = detector.fit(ships).state().to_arrow()
    column = rng.randrange(state.num_columns)
    values = state.column(column).to_pylist()
    if not values:
        return

    def odd(value):
        if isinstance(value, list):
            return [odd(v) for v in value] if rng.random() < 0.5 else value[: rng.randrange(len(value) + 1)]
        if isinstance(value, float):
            return rng.choice([float("nan"), float("inf"), -value, value * 1e300, 0.0, value])
        if isinstance(value, int):
            return rng.choice([-1, 0, 2**31 - 1, value])
        return rng.choice([value, None])

    at = rng.randrange(len(values))
    match rng.randrange(4):
        case 0:
            values[at] = odd(values[at])
        case 1:
            values = [odd(v) for v in values]
        case 2:
            state = state.drop_columns([state.column_names[column]])
        case _:
            state = state.slice(rng.randrange(len(values)), rng.randrange(len(values) + 1))
    if column < state.num_columns and len(values) == len(state):
        try:
            changed = pa.array(values, state.schema.field(column).type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return
        state = state.set_column(column, state.schema.field(column).name, changed)
    fitted = type(detector).from_state(state, **DETECTORS[name])
    fitted.score(ships).to_arrow()
    fitted.state().to_arrow()


def streams(rng):
    """Arrow data with inconsistent buffers."""
    n = 8
    offsets = [0, 2, 4, 6, 8, 10, 12, 14, 16]
    for _ in range(rng.randrange(3)):
        offsets[rng.randrange(9)] = rng.choice([-1, 0, 3, 17, 2**31 - 1, 1000])
    texts = pa.py_buffer(rng.choice([b"abcdefghijklmnop", b"\xff" * 16, b""]))
    wide = rng.random() < 0.5
    kind, width = (pa.large_string(), "q") if wide else (pa.string(), "i")
    try:
        bad = pa.Array.from_buffers(kind, n, [None, pa.py_buffer(struct.pack(f"<9{width}", *offsets)), texts])
    except pa.ArrowInvalid:
        return  # pyarrow itself refuses to make it
    if rng.random() < 0.4:
        keys = [rng.choice([0, 1, 2, -1, 99]) for _ in range(n)]
        indices = pa.Array.from_buffers(pa.int8(), n, [None, pa.py_buffer(struct.pack("<8b", *keys))])
        bad = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    table = pa.table({"hs": ["010121"] * n, "value": [1.0] * n, "importer": bad})
    use(rl.read(table, progress=False))


KINDS = {"text": text, "packed": packed, "parquet": parquet, "ipc": ipc, "states": states, "streams": streams}


def main(kind, seed, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        print("start", seed, flush=True)
        try:
            KINDS[kind](random.Random(seed))
        except RedlaneError:
            pass
        print("done", seed, flush=True)
        seed += 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
