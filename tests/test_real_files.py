"""Every file of the real data, read with its path as the only argument, compared with independent parsers."""

import csv
import gzip
import io
import math

import duckdb
import pytest
import redlane as rl

MISSING = {"", "NA", "na", "n/a", "N/A"}


def independent(text: str, delimiter: str = ",", line_ends: str = "\n"):
    text = text.replace(line_ends, "\n") if line_ends != "\n" else text
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def number(cell: str):
    try:
        return float(cell)
    except ValueError:
        return None


def test_korean_declarations(data):
    ships = rl.read(sorted((data / "customs_declarations").glob("*.csv")))
    assert len(ships) == 54_000
    assert len(ships.faults) == 0
    assert ships.layout == "korea"
    rows = []
    for path in sorted((data / "customs_declarations").glob("*.csv")):
        head, *body = independent(path.read_text(encoding="utf-8-sig"))
        rows += [dict(zip(head, row, strict=True)) for row in body]
    total = ships.aggregate([], ["shipments", "value", "net_weight"]).to_pylist()[0]
    assert total["value"] == math.fsum(float(r["Item Price"]) for r in rows)
    assert total["net_weight"] == math.fsum(float(r["Net Mass"]) for r in rows)
    codes = ships.aggregate("hs", "shipments")["hs"].to_pylist()
    assert set(codes) == {r["HS6 Code"] for r in rows}
    assert any(code.startswith("0") for code in codes)


def test_scms_as_published(data):
    path = data / "scms_shipments" / "SCMS_Delivery_History_Dataset.csv"
    ships = rl.read(path)
    assert len(ships) == 10_324
    head, *rows = independent(path.read_bytes().decode("utf-8-sig"), line_ends="\r")
    column = {name: [row[i] for row in rows] for i, name in enumerate(head)}
    faults = {(f["row"], f["column"]): f["raw"] for f in ships.faults.to_pylist()}
    for name in ("Weight (Kilograms)", "Freight Cost (USD)"):
        expected = {(i, name): c for i, c in enumerate(column[name]) if c not in MISSING and number(c) is None}
        assert expected
        assert {k: v for k, v in faults.items() if k[1] == name} == expected
    total = ships.aggregate([], ["value", "net_weight", "Freight Cost (USD)"]).to_pylist()[0]
    sums = {n: math.fsum(x for c in column[n] if (x := number(c)) is not None) for n in column}
    assert total["value"] == sums["Line Item Value"]
    assert total["net_weight"] == sums["Weight (Kilograms)"]
    assert total["Freight Cost (USD)"] == sums["Freight Cost (USD)"]
    years = ships.aggregate("year", "shipments")
    assert min(d for d in years["year"].to_pylist() if d).year == 2006


def test_baci_zeros_units_and_nulls(data):
    path = next((data / "baci_sample").glob("*.csv.gz"))
    ships = rl.read(path)
    head, *rows = independent(gzip.decompress(path.read_bytes()).decode())
    assert len(ships) == len(rows) == 72_097
    k, v, q = (head.index(name) for name in "kvq")
    codes = ships.aggregate("hs", "shipments")
    assert {len(code) for code in codes["hs"].to_pylist()} == {6}
    assert set(codes["hs"].to_pylist()) == {row[k].strip().zfill(6) for row in rows}
    lost = ships.repairs.to_pylist()
    assert {r["column"] for r in lost} == {"k"}
    assert len(lost) == sum(len(row[k].strip()) == 5 for row in rows)
    total = ships.aggregate([], ["value", "net_weight"]).to_pylist()[0]
    assert total["value"] == math.fsum(float(row[v]) * 1000 for row in rows)
    assert total["net_weight"] == math.fsum(float(row[q]) * 1000 for row in rows if row[q].strip() not in MISSING)
    nulls = {line["role"]: line["nulls"] for line in ships.summary().to_pylist()}
    assert nulls["net_weight"] == sum(row[q].strip() in MISSING for row in rows) > 0
    assert any("kilograms" in note for note in ships.notes)
    assert len(ships.faults) == 0


def test_hmrc_raw_and_named_are_the_same(data):
    raw = rl.read(data / "hmrc_arrivals" / "SMKM460902.txt.gz")
    named = rl.read(data / "hmrc_arrivals" / "hmrc_eu_arrivals_2009_02.csv.gz")
    assert len(raw) == len(named) == 132_776
    assert raw.layout == named.layout == "hmrc"
    ask = (["hs", "origin", "month"], ["shipments", "value", "net_weight", "unit_value.median"])
    assert raw.aggregate(*ask).to_pylist() == named.aggregate(*ask).to_pylist()
    assert len(raw.faults) == 0
    assert (
        len(raw.where(value=rl.between(None, -0.01)))
        + len(raw.where(net_weight=rl.between(None, -0.01), value=rl.between(0, None)))
        >= 2_250 - 10
    )
    assert {len(code) for code in raw.aggregate("hs", "shipments")["hs"].to_pylist()} == {8}


def test_eurostat_directions(data):
    ships = rl.read(data / "eurostat_russia_neighbours" / "eurostat_monthly_exports_2019_2024.csv")
    assert len(ships) == 14_063
    members = [
        c
        for c in ships.aggregate("origin", "shipments")["origin"].to_pylist()
        if c and not c.startswith(("European Union", "Euro area"))
    ]
    got = ships.where(origin=members, reported_by="exporter", date=rl.between("2021", "2023")).aggregate(
        ["destination", "year"], "value"
    )
    millions = {(r["destination"], r["year"].year): r["value"] / 1e6 for r in got.to_pylist()}
    assert round(millions["KG", 2021]) == 263
    assert round(millions["KG", 2023]) == 2_734
    assert round(millions["AM", 2023]) == 2_162


def test_trade_outliers_units(data):
    ships = rl.read(data / "trade_outliers" / "tradeH.csv")
    assert ships.roles == {"value": "value_keur", "net_weight": "net_weight_t"}
    total = ships.aggregate([], ["value", "net_weight", "value_keur", "net_weight_t"]).to_pylist()[0]
    assert total["value"] == pytest.approx(1000 * total["value_keur"], rel=1e-12)
    assert total["net_weight"] == pytest.approx(1000 * total["net_weight_t"], rel=1e-12)
    assert len(rl.read(data / "trade_outliers" / "P12119085.csv").where(year="2010")) == 12


@pytest.mark.parametrize("source", ["korea", "scms"])
def test_aggregate_equals_duckdb(data, source):
    if source == "korea":
        ships = rl.read(str(data / "customs_declarations" / "*.csv"))
        by, value, weight, firm = ["Country of Origin", "Import Type"], "Item Price", "Net Mass", "Importer ID"
    else:
        ships = rl.read(data / "scms_shipments" / "SCMS_Delivery_History_Dataset.csv")
        by, value, weight, firm = ["Country", "Shipment Mode"], "Line Item Value", "Weight (Kilograms)", "Vendor"
    source_table = ships.to_polars()
    duckdb.register("source", source_table)
    stats = ["sum", "mean", "std", "min", "max", "median", "mad", "q05", "q25", "q75", "q95"]
    ours = ships.aggregate(
        by,
        ["shipments", f"{firm}.distinct", f"{firm}.hhi", "unit_value", "unit_value.median"]
        + [f"{column}.{stat}" for column in (value, weight) for stat in stats],
    )
    text = ", ".join(f'"{name}"' for name in by)
    w = f'try_cast("{weight}" as double)'
    sql = {
        "sum": "fsum({0})",
        "mean": "favg({0})",
        "std": "stddev_samp({0})",
        "min": "min({0})",
        "max": "max({0})",
        "median": "median({0})",
        "mad": "mad({0})",
        "q05": "quantile_cont({0}, 0.05)",
        "q25": "quantile_cont({0}, 0.25)",
        "q75": "quantile_cont({0}, 0.75)",
        "q95": "quantile_cont({0}, 0.95)",
    }
    v = f'"{value}"'
    columns = [
        "count(*)",
        f'count(distinct "{firm}")',
        None,
        f"fsum({v}) filter ({w} <> 0) / nullif(fsum({w}) filter ({v} is not null), 0)",
        f"median({v} / nullif({w}, 0))",
    ] + [sql[stat].format(column) for column in (v, w) for stat in stats]
    chosen = ", ".join(c if c else "0" for c in columns)
    theirs = duckdb.sql(
        f"select {text}, {chosen} from source group by all order by {', '.join(f'{k} nulls last' for k in text.split(', '))}"
    ).fetchall()
    shares = duckdb.sql(
        f"""with parts as (select {text}, "{firm}" firm, fsum({v}) s from source where "{firm}" is not null group by all
            having s > 0)
            select {text}, sum(power(s, 2)) / power(sum(s), 2) from parts group by all"""
    ).fetchall()
    shares = {row[: len(by)]: row[-1] for row in shares}
    names = ours.column_names
    rows = ours.to_pylist()
    assert len(rows) == len(theirs)
    for mine, other in zip(rows, theirs, strict=True):
        key = tuple(other[: len(by)])
        assert tuple(mine[k] for k in by) == key
        for name, expected in zip(names[len(by) :], other[len(by) :], strict=True):
            if name.endswith("_hhi"):
                expected = shares.get(key)
            got = mine[name]
            if expected is None:
                assert got is None, (key, name)
            else:
                assert got == pytest.approx(expected, rel=1e-9, abs=1e-9), (key, name)
