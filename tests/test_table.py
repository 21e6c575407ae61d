"""Tables and shipments to and from the other libraries, and through pickle."""

import pickle

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
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
            import arro3.core

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
