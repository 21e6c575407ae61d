"""The same records give the same bits: any threads, any row order, any batches, any files."""

import hashlib

import polars as pl
import pyarrow as pa
import pytest
import redlane as rl

MEASURES = [
    "shipments", "value", "value.mean", "value.std", "value.median", "value.mad", "value.q05", "net_weight.q95",
    "importer.distinct", "importer.hhi", "unit_value", "unit_value.median", "unit_value.mad",
]  # fmt: skip


def bits(*tables):
    digest = hashlib.sha256()
    for table in tables:
        for name in table.column_names:
            column = pa.chunked_array(table[name]).combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = column.chunk(0) if column.num_chunks else pa.array([])
            if pa.types.is_floating(column.type):
                column = column.fill_null(0.123456789).view(pa.int64())
            digest.update(repr(column.to_pylist()).encode())
    return digest.hexdigest()


def results(ships):
    by_row = rl.UnitValue(by=("hs6", "origin"), min_peers=8).fit(ships)
    return bits(
        ships.aggregate(["hs4", "month"], MEASURES),
        ships.aggregate(["destination", "hs2"], MEASURES),
        ships.compare(["hs2", "destination"], "2023", "2022", against={"destination": "UA"}),
        by_row.state(),
    )


@pytest.fixture(scope="module")
def table():
    return rl.samples.shipments(30_000, seed=5).ships.to_polars()


@pytest.fixture(scope="module")
def expected(table):
    return results(rl.read(table))


@pytest.mark.parametrize("n", [1, 2, 8])
def test_threads(table, expected, threads, n):
    threads(n)
    assert results(rl.read(table)) == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_row_order(table, expected, seed):
    assert results(rl.read(table.sample(fraction=1.0, shuffle=True, seed=seed))) == expected


@pytest.mark.parametrize("batches", [2, 17, 1000])
def test_batches(table, expected, batches):
    whole = table.to_arrow().cast(
        pa.schema(
            [
                (f.name, pa.string() if pa.types.is_large_string(f.type) or "view" in str(f.type) else f.type)
                for f in table.to_arrow().schema
            ]
        )
    )
    split = pa.Table.from_batches(whole.combine_chunks().to_batches(max_chunksize=-(-len(whole) // batches)))
    assert split.column(0).num_chunks > 1
    assert results(rl.read(split)) == expected


def test_files(table, expected, tmp_path):
    for i, part in enumerate(table.iter_slices(7_000)):
        part.write_csv(tmp_path / f"{i}.csv")
        part.write_parquet(tmp_path / f"{i}.parquet", row_group_size=1_000)
    table.write_csv(tmp_path / "whole.csv")
    assert results(rl.read(str(tmp_path / "[0-9].csv"))) == expected
    assert results(rl.read(str(tmp_path / "[0-9].parquet"))) == expected
    assert results(rl.read(tmp_path / "whole.csv")) == expected


def test_scores_follow_their_row(table):
    shuffled = table.with_row_index("at").sample(fraction=1.0, shuffle=True, seed=9)
    straight = rl.UnitValue().fit_score(rl.read(table)).to_polars()
    other = rl.UnitValue().fit_score(rl.read(shuffled.drop("at"))).to_polars().with_columns(shuffled["at"]).sort("at")
    same = [c for c in straight.columns if c != "row"]
    assert straight.select(same).equals(other.select(same))


def test_a_subset_scores_like_a_source_of_its_own(table):
    ships = rl.read(table).where(hs2=["84", "85", "90"])
    own = rl.read(ships.to_polars())
    a, b = (rl.UnitValue(min_peers=5).fit_score(s).to_polars().drop("row") for s in (ships, own))
    assert a.equals(b)
    assert pl.DataFrame(rl.UnitValue().fit_score(ships))["row"].is_sorted()
