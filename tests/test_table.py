"""Tables and shipments to and from the other libraries, and through pickle."""

import pickle

import arro3.core
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redlane as rl
from redlane import errors


@pytest.fixture(scope="module")
def result(sample):
    return sample.ships.aggregate(["hs2", "month", "importer"], ["shipments", "value", "value.std"])


def test_out(result):
    frame = pl.DataFrame(result)
    assert frame.shape == result.shape
    assert pa.table(result).num_rows == len(result)
    panda = pd.DataFrame.from_arrow(result)
    assert list(panda.columns) == result.column_names
    assert duckdb.sql("select sum(shipments) from result").fetchall() == [(50_000,)]
    assert result.to_polars().equals(frame)
    assert result.to_pandas().equals(panda)
    assert result.to_arrow().num_rows == len(result)
    assert result["shipments"].to_numpy().sum() == 50_000
    assert result["value"].to_pylist() == frame["value"].to_list()


@pytest.mark.parametrize("how", ["pandas", "polars", "pyarrow", "duckdb", "arro3", "categorical", "large", "table"])
def test_in(sample, how):
    frame = sample.ships.to_polars()
    match how:
        case "pandas":
            source = sample.ships.to_pandas()
        case "polars":
            source = frame
        case "pyarrow":
            source = frame.to_arrow()
        case "duckdb":
            source = duckdb.sql("from frame")
        case "arro3":
            source = arro3.core.Table.from_arrow(frame)
        case "categorical":
            source = frame.with_columns(pl.col("hs", "origin", "importer").cast(pl.Categorical))
        case "large":
            names = [f.name for f in frame.to_arrow().schema]
            kinds = [
                pa.large_string() if frame[n].dtype == pl.String else frame.to_arrow().schema.field(n).type
                for n in names
            ]
            source = frame.to_arrow().cast(pa.schema(list(zip(names, kinds, strict=True))))
        case "table":
            source = sample.ships.to_table()
    ask = (["hs", "origin", "month"], ["shipments", "value", "importer.distinct"])
    assert rl.read(source).aggregate(*ask).to_pylist() == sample.ships.aggregate(*ask).to_pylist()


def test_original_columns_come_back(tmp_path, sample):
    frame = sample.ships.to_polars()
    assert pl.DataFrame(rl.read(frame)).equals(frame)
    frame.write_parquet(tmp_path / "x.parquet")
    ships = rl.read(tmp_path / "x.parquet")
    assert ships.to_polars().equals(frame)
    assert pl.DataFrame(ships.where(origin="CN")).equals(frame.filter(pl.col("origin") == "CN"))


def test_pickle(tmp_path, sample, result):
    assert pickle.loads(pickle.dumps(result)).to_polars().equals(result.to_polars())
    path = tmp_path / "x.csv"
    path.write_text("t,i,j,k,v,q\n2020,4,710,71120,1.5,  NA\n2020,4,710,010121,oops,2\n2020,4,710,90121,1,1,9\n")
    ships = rl.read(path)
    for view in (ships, ships.where(origin="4"), ships.where(hs=["07", "09"])):
        copy = pickle.loads(pickle.dumps(view))
        assert len(copy) == len(view)
        assert (copy.roles, copy.layout, copy.columns) == (view.roles, view.layout, view.columns)
        assert set(view.notes) <= set(copy.notes)
        ask = (["hs", "year"], ["shipments", "value", "net_weight"])
        assert copy.aggregate(*ask).to_pylist() == view.aggregate(*ask).to_pylist()
        assert [f["reason"] for f in copy.faults.to_pylist()] == [f["reason"] for f in view.faults.to_pylist()]
    assert pickle.loads(pickle.dumps(sample.ships)).to_polars().equals(sample.ships.to_polars())


def test_small_things(tmp_path, result):
    assert len(result.head(3)) == 3
    assert len(result.head(0)) == 0
    assert len(result.slice(10**9, 5)) == 0
    assert "value" in result
    assert "price" not in result
    with pytest.raises(errors.MissingColumnError, match="value_std"):
        result["value_sdt"]
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        rl.Table([1, 2])
    assert "rows in all" in repr(result)
    page = result._repr_html_()
    assert page.count("<tr>") == 21
    assert "<script" not in rl.Table(pl.DataFrame({"a": ["<script>"]}))._repr_html_()
    result.to_csv(str(tmp_path / "x.csv"))
    assert pl.read_csv(tmp_path / "x.csv").shape == result.shape
    result.to_parquet(tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").equals(result.to_polars())


def test_shipments_show_themselves(sample):
    assert "50,000 rows" in repr(sample.ships)
    page = sample.ships._repr_html_()
    assert "50,000 rows, 2020-01-01 to 2023-12-31" in page
    assert "net_weight" in page
    assert rl.read(pl.DataFrame({"a": [1]}))._repr_html_()


class StoppedError(Exception):
    pass


def test_a_stopped_computation_leaves_nothing_broken():
    calls = []

    def progress(stage, done, total):
        calls.append((stage, done, total))
        raise StoppedError

    big = rl.samples.shipments(1_500_000).ships

    def work():
        for _ in range(20):
            ships = rl.read(big.to_polars(), progress=progress)
            ships.aggregate(["importer", "exporter", "date", "hs"], ["value.median", "importer.hhi"], progress=progress)

    with pytest.raises(StoppedError):
        work()
    assert calls
    assert big.aggregate([], "shipments")["shipments"].to_pylist() == [1_500_000]


@pytest.fixture
def small():
    return rl.Table(pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [0.5, float("nan"), None]}))


def test_schema_rows_and_columns(small):
    assert isinstance(small.schema, arro3.core.Schema)
    assert pa.schema(small.schema).names == small.schema.names == ["a", "b", "c"]
    assert (small.num_rows, small.num_columns) == small.shape == (3, 3)
    scores = rl.UnitValue().fit_score(rl.samples.shipments(1_000).ships)
    assert pa.schema(scores.schema) == pa.table(scores).schema


def test_column_by_name_or_position(small):
    assert small.column("a").to_pylist() == small.column(0).to_pylist() == small.column(-3).to_pylist() == [1, 2, 3]
    for wrong in (3, -4):
        with pytest.raises(errors.MissingColumnError, match=r"there is no column -?\d; the table has 3, .*: a, b, c"):
            small.column(wrong)
    with pytest.raises(errors.MissingColumnError, match="it has a, b, c"):
        small.column("d")
    with pytest.raises(errors.ArgumentError, match="whole number"):
        small.column(1.5)


def test_select_keeps_the_order_asked_for(small):
    chosen = small.select(["c", 0])
    assert chosen.column_names == ["c", "a"]
    assert chosen.to_pylist()[0] == {"c": 0.5, "a": 1}
    assert small.select("b").column_names == small.select(1).column_names == ["b"]
    assert small.select([]).shape == (3, 0)
    assert chosen.slice(1, 1).select(["a"]).to_pylist() == [{"a": 2}]
    with pytest.raises(errors.MissingColumnError, match="it has a, b, c"):
        small.select(["a", "d"])
    with pytest.raises(errors.ArgumentError, match="'a' is named twice"):
        small.select(["a", 0])


def test_select_of_a_table_whose_texts_are_written_when_read(tmp_path):
    scores = rl.UnitValue().fit_score(rl.samples.shipments(70_000, seed=3).ships)
    chosen = scores.select(["reason", "row", "score"])
    frame = scores.to_polars().select("reason", "row", "score")
    assert chosen.to_polars().equals(frame)
    assert pl.DataFrame(chosen.slice(66_000, 10)).equals(frame[66_000:66_010])
    chosen.to_parquet(tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").equals(frame)
    assert pickle.loads(pickle.dumps(chosen.head(5))) == chosen.head(5)


def test_slice_without_arguments_is_all(small):
    assert small.slice() == small
    assert small.slice(1)["a"].to_pylist() == [2, 3]
    assert small.slice(-1)["a"].to_pylist() == [3]
    assert small.slice(length=2)["a"].to_pylist() == [1, 2]


def test_batches_are_portions_of_the_rows(small):
    assert [batch.num_rows for batch in small.to_batches()] == [3]
    scores = rl.UnitValue().fit_score(rl.samples.shipments(70_000, seed=3).ships)
    batches = list(scores.to_batches())
    assert [batch.num_rows for batch in batches] == [65_536, 4_464]
    assert pa.Table.from_batches([pa.record_batch(batch) for batch in batches]).equals(pa.table(scores))
    empty = list(small.head(0).to_batches())
    assert [(batch.num_rows, batch.schema.names) for batch in empty] == [(0, ["a", "b", "c"])]


def test_tables_are_equal_by_names_types_and_values(small):
    frame = small.to_polars()
    assert small == rl.Table(frame)
    assert small == pickle.loads(pickle.dumps(small))
    assert small != small.head(2)
    assert small != small.select(["b", "a", "c"])
    assert small != rl.Table(frame.rename({"a": "d"}))
    assert small != rl.Table(frame.with_columns(pl.col("a").cast(pl.Int32)))
    assert small != rl.Table(frame.with_columns(c=pl.Series([0.5, None, None])))
    assert small != rl.Table(frame.with_columns(c=pl.Series([0.5, 1.0, None])))
    assert small != frame.to_dicts()
    assert rl.Table(pl.DataFrame({"z": [0.0]})) == rl.Table(pl.DataFrame({"z": [-0.0]}))
    assert rl.Table(pl.DataFrame({"l": [[1.0, float("nan")]]})) == rl.Table(pl.DataFrame({"l": [[1.0, float("nan")]]}))
    ships = rl.samples.shipments(70_000, seed=3).ships
    assert rl.UnitValue().fit_score(ships) == rl.UnitValue().fit_score(ships)
    with pytest.raises(TypeError, match="unhashable"):
        hash(small)


def test_a_table_is_not_iterated_over(small):
    for iterate in (iter, list, set, dict):
        with pytest.raises(TypeError, match=r"to_pandas.*column_names"):
            iterate(small)


def test_parquet_is_compressed(tmp_path, result):
    sizes = {}
    for how in ("zstd", "snappy", "none"):
        result.to_parquet(tmp_path / how, compression=how)
        assert pl.read_parquet(tmp_path / how).equals(result.to_polars())
        kind = pq.ParquetFile(tmp_path / how).metadata.row_group(0).column(0).compression
        assert kind == {"zstd": "ZSTD", "snappy": "SNAPPY", "none": "UNCOMPRESSED"}[how]
        sizes[how] = (tmp_path / how).stat().st_size
    pq.write_table(result.to_arrow(), tmp_path / "plain", compression="none")
    assert sizes["zstd"] < sizes["snappy"] < sizes["none"]
    assert sizes["zstd"] < (tmp_path / "plain").stat().st_size
    result.to_parquet(tmp_path / "default")
    assert (tmp_path / "default").read_bytes() == (tmp_path / "zstd").read_bytes()
    with pytest.raises(errors.ArgumentError, match='"zstd", "snappy" or "none"'):
        result.to_parquet(tmp_path / "x", compression="gzip")


def wide(rows):
    """Columns of every kind that no role claims, in several row groups."""
    return pl.DataFrame(
        {
            "hs": [f"{i % 97:02}0190" for i in range(rows)],
            "value": [float(i) for i in range(rows)],
            "extra": [None if i % 5 == 0 else f"text number {i}, long enough for a view" for i in range(rows)],
            "coded": [f"label {i % 7}" for i in range(rows)],
            "many": list(range(rows)),
            "lists": [[i, i + 1] if i % 3 else None for i in range(rows)],
        }
    )


@pytest.mark.parametrize("rows", [[0], [19_999], [3, 4, 5, 7_000, 12_345], range(0, 20_000, 11), range(20_000)])
def test_some_rows_of_a_parquet_file_are_those_of_the_whole(tmp_path, rows):
    frame = wide(20_000)
    frame.write_parquet(tmp_path / "x.parquet", row_group_size=6_000)
    frame.head(100).select("value", "hs").write_parquet(tmp_path / "y.parquet")
    assert pl.DataFrame(rl.read(tmp_path / "x.parquet").rows(rows)).equals(frame[list(rows)])
    both = rl.read([tmp_path / "x.parquet", tmp_path / "y.parquet"])
    part = both.rows([*rows, 20_000, 20_050]).to_polars()
    assert part.head(len(rows)).equals(frame[list(rows)])
    assert part["value"].to_list()[-2:] == [0.0, 50.0]
    assert part["extra"].to_list()[-2:] == [None, None]


def test_a_few_rows_of_a_parquet_file_are_read_by_themselves(tmp_path):
    frame = wide(100_000)
    path = tmp_path / "x.parquet"
    frame.write_parquet(path, row_group_size=10_000)
    # Damage to a row group shows who reads it.
    place = pq.ParquetFile(path).metadata.row_group(9).column(2)
    data = bytearray(path.read_bytes())
    start = place.data_page_offset
    data[start : start + 64] = b"\xff" * 64
    path.write_bytes(bytes(data))
    ships = rl.read(path)
    table = ships.to_table()
    for _ in range(3):
        assert table.head(5).to_pylist() == frame.head(5).to_dicts()
        assert ships._repr_html_().count("<tr>") == 6
        assert ships.rows([7]).to_polars().equals(frame[[7]])
        assert table.slice(50_000, 2).to_polars().equals(frame[50_000:50_002])
    with pytest.raises(errors.ReadError, match="row group 9"):
        ships.to_polars()
    with pytest.raises(errors.ReadError, match="row group 9"):
        table.slice(99_990)["extra"]


def test_columns_looked_at_again_and_again_are_read_once(tmp_path):
    frame = wide(1_000)
    frame.write_parquet(tmp_path / "x.parquet")
    ships = rl.read(tmp_path / "x.parquet")
    for row in range(100):
        assert ships.rows([row]).to_polars().equals(frame[[row]])
