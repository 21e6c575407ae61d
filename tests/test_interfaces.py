"""The interfaces to users and other libraries: columns in and out, findings, progress, errors."""

import inspect
import pickle
import threading

import arro3.core
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import redlane as rl
from redlane import _core, errors

P = [0.01, None, 0.04, 0.5, 0.03, float("nan"), 0.2]
Q = [0.05, None, 0.2 / 3, 0.5, 0.2 / 3, None, 0.25]


@pytest.fixture(scope="module")
def planted():
    return rl.inject(rl.samples.shipments(5_000, plant=False).ships, "overvalued", n=50, strength=8)


@pytest.fixture(scope="module")
def findings():
    return rl.screen(rl.samples.shipments(20_000, seed=2).ships)


# Columns of numbers.


def test_fdr_of_a_list_is_a_list():
    assert rl.fdr(P) == Q
    assert rl.fdr(tuple(P)) == rl.fdr(iter(P)) == Q
    assert rl.fdr([]) == []
    assert rl.fdr([1, 0, True]) == [1.0, 0.0, 1.0]


def test_fdr_of_a_numpy_array_is_a_numpy_array():
    found = rl.fdr(np.array(P, dtype=float))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.array(Q, dtype=float))
    found[0] = 1  # the array is writable
    assert rl.fdr(np.array([0.5, 0.25], dtype=np.float32)).tolist() == [0.5, 0.5]
    assert rl.fdr(np.array([0.01, 9, 0.04])[::2]).tolist() == [0.02, 0.04]
    assert rl.fdr(np.ma.array([0.01, 0.9, 0.04], mask=[0, 1, 0])).tolist()[::2] == [0.02, 0.04]
    assert np.isnan(rl.fdr(np.array([0.01, None], dtype=object))[1])


@pytest.mark.parametrize("kind", ["float64", "Float64", "double[pyarrow]"])
def test_fdr_of_a_pandas_series_is_a_series_with_its_index(kind):
    index = pd.Index([f"r{i}" for i in range(len(P))], name="row")
    given = pd.Series([None if p is None or p != p else p for p in P], index=index, name="p", dtype=kind)
    found = rl.fdr(given)
    assert isinstance(found, pd.Series)
    assert found.index.equals(index)
    assert found.name == "p"
    assert found.dtype == given.dtype
    assert [None if pd.isna(q) else float(q) for q in found] == Q


def test_fdr_of_a_polars_series_is_a_polars_series():
    found = rl.fdr(pl.Series("p", P))
    assert isinstance(found, pl.Series)
    assert found.name == "p"
    assert found.to_list() == Q


def test_fdr_of_an_arrow_array_is_an_array_of_the_same_library():
    array = pa.array(P, pa.float64())
    for given in (array, array.slice(0), pa.chunked_array([array.slice(0, 3), array.slice(3)])):
        found = rl.fdr(given)
        assert type(found).__module__.startswith("pyarrow")
        assert isinstance(found, type(given))
        assert found.to_pylist() == Q
    assert rl.fdr(array.slice(2, 1)).to_pylist() == [0.04]
    assert rl.fdr(pa.array([1, None], pa.int8())).to_pylist() == [1.0, None]
    given = arro3.core.Array.from_arrow(array)
    assert isinstance(rl.fdr(given), arro3.core.Array)
    assert rl.fdr(given).to_pylist() == Q
    column = rl.Table(pa.table({"p": array}))["p"]
    assert isinstance(rl.fdr(column), arro3.core.ChunkedArray)
    assert rl.fdr(column).to_pylist() == Q
    assert rl.fdr(pa.array(P, pa.float64()).dictionary_encode()).to_pylist() == Q


def test_columns_that_hold_no_numbers_are_told():
    for bad in (["a"], np.array(["a"]), pl.Series(["a"]), pa.array(["a"]), pd.Series(["a"]), pa.array([[0.5]])):
        with pytest.raises(errors.ArgumentError, match="numbers"):
            rl.fdr(bad)
    for bad in (5, None, "0.5", pl.DataFrame({"p": [0.5]}), pa.table({"p": [0.5]})):
        with pytest.raises(errors.WrongTypeError, match=r"^p is "):
            rl.fdr(bad)
    with pytest.raises(errors.ArgumentError, match="2 dimensions"):
        rl.fdr(np.zeros((2, 2)))
    with pytest.raises(errors.ArgumentError, match="between 0 and 1"):
        rl.fdr(np.array([0.5, 1.5]))
    with pytest.raises(errors.ArgumentError, match="by"):
        rl.fdr(P, method="bonferroni")


def test_broken_columns_are_errors_and_no_crash():
    class Broken:
        def __arrow_c_array__(self, requested_schema=None):
            return 1, 2

    class Reused:
        def __init__(self):
            self.pair = pa.array([0.5]).__arrow_c_array__()

        def __arrow_c_array__(self, requested_schema=None):
            return self.pair

    with pytest.raises(errors.ReadError, match="hand over"):
        rl.fdr(Broken())
    once = Reused()
    assert rl.fdr(once).to_pylist() == [0.5]
    with pytest.raises(errors.ReadError, match="read before"):
        rl.fdr(once)
    lengths = pa.py_buffer(np.array([0, 5, 1], dtype=np.int32))
    bad = pa.Array.from_buffers(pa.list_(pa.float64()), 2, [None, lengths], children=[pa.array([0.5])])
    with pytest.raises(errors.RedlaneError):
        rl.fdr(bad)


def test_evaluate_takes_any_column(planted):
    table = rl.UnitValue().fit_score(planted.ships)
    score = table["score"].to_pylist()
    worth = planted.ships.to_table()["value"].to_pylist()
    rows = planted.truth["row"].to_pylist()
    truth = [row in set(rows) for row in range(len(score))]
    expected = rl.evaluate(score, truth, worth)
    for make in (
        lambda x: np.array(x, dtype=float),
        lambda x: pl.Series(x),
        lambda x: pd.Series(x, dtype=float),
        lambda x: pa.array(x),
        lambda x: pa.chunked_array([pa.array(x)]),
    ):
        assert rl.evaluate(make(score), make(truth), make(worth)) == expected
        assert rl.evaluate(make(score), make(rows), make(worth)) == expected
    full = rl.evaluate(table, planted.truth, worth)
    for frame in (pl.DataFrame(table), pa.table(table), table.to_pandas(), arro3.core.Table.from_arrow(table)):
        assert rl.evaluate(frame, planted.truth, worth) == full
        assert rl.evaluate(frame, pl.DataFrame(planted.truth), worth, order="p_value").num_rows == full.num_rows


def test_evaluate_says_what_does_not_fit():
    with pytest.raises(errors.ArgumentError, match="2 numbers for 3 scores"):
        rl.evaluate([1.0, 2.0, 3.0], [0, 1, 0], [1.0, 2.0])
    with pytest.raises(errors.ArgumentError, match="row 7, which has no score; the scores end at row 2"):
        rl.evaluate([1.0, 2.0, 3.0], np.array([7, 9]))
    with pytest.raises(errors.ArgumentError, match="truth holds null"):
        rl.evaluate([1.0, 2.0, 3.0], [1, None, 0])
    with pytest.raises(errors.ArgumentError, match=r"truth holds 0\.5"):
        rl.evaluate([1.0, 2.0, 3.0], [0.5])
    # A table holds rows, even if they look like truth values.
    truth = rl.Table(pl.DataFrame({"row": [0, 1]}))
    assert rl.evaluate([3.0, 2.0], truth)["value"].to_pylist()[0] == 1.0


def test_the_gil_is_free_while_q_values_are_computed():
    p = np.random.default_rng(0).random(3_000_000)
    counted, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    try:
        rl.fdr(p)
    finally:
        stop.set()
        thread.join()
    assert counted[0] - before > 10_000


# Findings.


def test_findings_are_held_by_the_core(findings):
    assert isinstance(findings._core, _core.Findings)
    assert len(findings._core) == len(findings)
    assert [len(findings._core.rows(i)) for i in range(5)] == findings.table["n_rows"].to_pylist()[:5]
    subject = findings.table["subject"].to_pylist()[0]
    assert findings._core.first_row(0) == int(subject.removeprefix("row "))
    with pytest.raises(errors.ArgumentError, match="no finding"):
        findings._core.rows(len(findings))


def test_findings_pickle(findings):
    copy = pickle.loads(pickle.dumps(findings))
    assert copy.table == findings.table
    assert (copy.fdr, copy.notes) == (findings.fdr, findings.notes)
    assert copy.by_shipment() == findings.by_shipment()
    assert copy.rows(3).to_table() == findings.rows(3).to_table()
    assert copy.explain(0) == findings.explain(0)


def test_findings_of_a_part_pickle_with_their_rows():
    part = rl.samples.shipments(60_000, seed=2).ships.where(year=2022)
    found = rl.screen(part, fdr=0.2)
    copy = pickle.loads(pickle.dumps(found))
    assert len(found) > 3
    for i in range(3):
        assert copy.rows(i).to_table() == found.rows(i).to_table()


def test_findings_of_flows_have_many_rows_each():
    found = rl.screen(rl.samples.shipments(40_000, seed=2).ships, [rl.Surge(by=("hs2", "destination"))], fdr=0.9)
    counts = found.table["n_rows"].to_pylist()
    assert max(counts) > 1
    for i, count in list(enumerate(counts))[:5]:
        assert len(found.rows(i)) == count
    by = found.by_shipment()
    assert by.num_rows == len({row for i in range(len(found)) for row in _source_rows(found, i)})
    with pytest.raises(errors.RedlaneError):
        _core.Findings.rebuild(found.ships._core, found.table, found.table)


def _source_rows(found, i):
    return [row for (rows,) in [found._core.row_lists().column(0).to_pylist()[i : i + 1]] for row in rows]


# Progress.

LASTING = [
    rl.read, rl.inspect, rl.screen, rl.features, rl.evaluate, rl.leakage_report, rl.inject, rl.samples.shipments,
    rl.Shipments.aggregate, rl.Shipments.compare, rl.Shipments.convert, rl.Shipments.summary,
    rl.Shipments.without_totals, rl.Findings.by_shipment, rl.Findings.to_csv, rl.Findings.to_html,
    rl.Findings.to_parquet, rl.Table.to_csv, rl.Table.to_parquet,
    rl.detectors.Detector.fit, rl.detectors.Detector.score, rl.detectors.Detector.fit_score,
]  # fmt: skip


@pytest.mark.parametrize("call", LASTING, ids=lambda call: call.__qualname__)
def test_whatever_lasts_takes_progress(call):
    parameter = inspect.signature(call).parameters["progress"]
    assert parameter.default is None
    assert (
        "progress" in call.__doc__ or "as `Table" in call.__doc__ or "fit" in call.__name__ or "score" in call.__name__
    )


def test_progress_is_told_at_least_once(tmp_path, findings):
    ships = findings.ships
    half = {"current": "2023", "base": "2022"}
    label = rl.read(pl.DataFrame({"office": [1, 2, 3, 4] * 50, "fraud": [1, 0, 0, 0] * 50}))
    calls = {
        "read": lambda p: rl.read(ships.to_polars(), progress=p),
        "inspect": lambda p: rl.inspect(ships.to_polars(), progress=p),
        "screening": lambda p: rl.screen(ships, progress=p),
        "describing": lambda p: rl.features(ships, progress=p),
        "evaluating": lambda p: rl.evaluate([1.0, 2.0], [0, 1], progress=p),
        "looking for templates": lambda p: rl.leakage_report(label, label, "fraud", progress=p),
        "planting": lambda p: rl.inject(ships, "overvalued", 5, progress=p),
        "sampling": lambda p: rl.samples.shipments(1_000, progress=p),
        "aggregate": lambda p: ships.aggregate("hs2", progress=p),
        "comparing": lambda p: ships.compare("hs2", **half, progress=p),
        "converting": lambda p: ships.convert("EUR", {"USD": 0.9}, currency="USD", progress=p),
        "summary": lambda p: ships.summary(progress=p),
        "without_totals": lambda p: ships.without_totals(progress=p),
        "gathering": lambda p: findings.by_shipment(progress=p),
        "writing": lambda p: findings.to_csv(tmp_path / "x.csv", progress=p),
        "writing text": lambda p: findings.table.to_csv(progress=p),
        "writing Parquet": lambda p: findings.table.to_parquet(tmp_path / "x.parquet", progress=p),
        "page": lambda p: findings.to_html(tmp_path / "x.html", limit=2, progress=p),
    }
    for name, call in calls.items():
        told = []
        call(lambda *what, told=told: told.append(what))
        assert told, name
        assert all(isinstance(stage, str) and done >= 0 <= total for stage, done, total in told)
        if name in ("screening", "evaluating", "planting", "comparing", "sampling", "gathering", "writing"):
            assert told[-1][0] == name


def test_what_progress_raises_ends_the_call(tmp_path, findings):
    class StoppedError(Exception):
        pass

    def stop(stage, done, total):
        raise StoppedError

    path = tmp_path / "x.parquet"
    path.write_bytes(b"before")
    with pytest.raises(StoppedError):
        findings.table.to_parquet(path, progress=stop)
    assert path.read_bytes() == b"before"


# Errors.


def test_every_class_that_the_core_raises_exists():
    assert len(set(_core.ERROR_CLASSES)) == len(_core.ERROR_CLASSES) == 16
    for name in _core.ERROR_CLASSES:
        assert issubclass(getattr(errors, name), errors.RedlaneError)


def test_a_wrong_type_says_what_to_pass(planted):
    ships, frame = planted.ships, planted.ships.to_pandas()
    score = rl.UnitValue().fit_score(ships)
    calls = [
        (lambda: rl.screen(frame), r"ships is a pandas DataFrame; pass rl\.read\(frame\) instead"),
        (lambda: rl.screen("file.csv"), r"pass rl\.read\('file\.csv'\) instead"),
        (lambda: rl.screen(planted), r"pass its \.ships instead"),
        (lambda: rl.screen(ships, history=frame), "history is a pandas DataFrame"),
        (lambda: rl.features(frame), "ships is a pandas DataFrame"),
        (lambda: rl.features(ships, history=5), "history is an int"),
        (lambda: rl.inject(frame, "overvalued", 5), "ships is a pandas DataFrame"),
        (lambda: rl.leakage_report(frame, ships, "x"), "train is a pandas DataFrame"),
        (lambda: rl.leakage_report(ships, ships.to_polars(), "x"), "test is a polars DataFrame"),
        (lambda: rl.evaluate(scores=5, truth=[1]), "scores is an int; pass a list"),
        (lambda: rl.evaluate(score, truth=None), "truth is None"),
        (lambda: rl.evaluate(score, planted.truth, 5), "value is an int"),
        (lambda: rl.Table(5), "not an int"),
        (lambda: rl.Table("file.csv"), "not the text 'file.csv'"),
        (lambda: rl.read(5), "cannot read an int"),
        (lambda: score[0], "by its name"),
        (lambda: score.select(5.5), "names is a float"),
    ]
    for call, words in calls:
        with pytest.raises(errors.WrongTypeError, match=words) as raised:
            call()
        assert isinstance(raised.value, TypeError)
        assert isinstance(raised.value, errors.ArgumentError)


def test_what_a_producer_raises_is_the_cause():
    class Failing:
        def __arrow_c_stream__(self, requested_schema=None):
            raise pa.ArrowInvalid("no data today")

    class Mistaken:
        def __arrow_c_stream__(self, requested_schema=None):
            return "no capsule"

    for take in (rl.read, rl.inspect, rl.Table, lambda table: rl.UnitValue.from_state(table)):
        with pytest.raises(errors.ReadError, match="no data today") as raised:
            take(Failing())
        assert isinstance(raised.value.__cause__, pa.ArrowInvalid)
        with pytest.raises(errors.ReadError, match="hand over") as raised:
            take(Mistaken())
        assert isinstance(raised.value.__cause__, TypeError)


def test_a_stream_that_fails_midway_is_an_error_of_redlane():
    def batches():
        yield pa.record_batch({"value": [1.0]})
        raise OSError("the cable is out")

    schema = pa.schema([("value", pa.float64())])
    for take in (rl.read, rl.Table):
        with pytest.raises(errors.ReadError, match="the cable is out"):
            take(pa.RecordBatchReader.from_batches(schema, batches()))


def test_what_another_library_refuses_is_an_error_of_redlane(monkeypatch):
    table = rl.Table(pl.DataFrame({"n": [1]}))

    def refuse(*_):
        raise pa.ArrowNotImplementedError("what is that")

    monkeypatch.setattr(pa, "table", refuse)
    with pytest.raises(errors.RedlaneError, match="handed over to pyarrow: what is that") as raised:
        table.to_arrow()
    assert isinstance(raised.value.__cause__, pa.ArrowNotImplementedError)


def test_truth_values_of_another_length_are_an_error():
    scores = [float(i) for i in range(10)]
    for truth in (np.array([True, False] * 4), [1, 0, 0, 0, 0, 1, 0, 0, 0], np.zeros(20, dtype=bool)):
        with pytest.raises(errors.ArgumentError, match="one truth value for each score"):
            rl.evaluate(scores, truth)
    assert len(rl.evaluate(scores, [1, 0])) > 0  # two rows


def test_a_state_of_lists_is_no_csv(planted):
    with pytest.raises(errors.ArgumentError, match="to_parquet"):
        rl.UnitValue().fit(planted.ships).state().to_csv()


def test_a_table_is_no_frame(planted):
    table = planted.ships.aggregate("hs2", "value")
    assert table != table.to_pandas()
    assert table != table.to_polars()
    assert table != table.to_arrow()


def test_nulls_of_polars_and_runs_of_values_are_taken():
    frame = pl.DataFrame({"hs": ["690912"], "value": [1.0], "empty": [None]})
    assert rl.read(frame).to_table().to_pylist()[0]["empty"] is None
    runs = pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"])
    table = pa.table({"hs": ["690912"] * 3, "value": [1.0, 2.0, 3.0], "runs": runs})
    assert [row["runs"] for row in rl.read(table).to_table().to_pylist()] == ["a", "a", "b"]
    assert "a" in repr(rl.Table(table))


def test_two_columns_of_one_name_are_no_dictionary():
    with pytest.raises(errors.ArgumentError, match="two columns"):
        rl.Table(pa.table([[1], [2]], names=["a", "a"])).to_pylist()
