import pytest
import redlane as rl
from redlane import errors


@pytest.fixture(scope="module")
def findings():
    return rl.screen(rl.samples.shipments(100_000, seed=2).ships)


def test_columns_and_order(findings):
    assert findings.table.column_names == [
        "finding", "detector", "subject", "score", "p_value", "q_value", "local_fdr", "direction", "observed", "expected",
        "value", "stake_share", "n_rows", "caution", "reason",
    ]  # fmt: skip
    assert len(findings) > 20
    assert findings.table["finding"].to_pylist() == list(range(len(findings)))
    assert max(findings.table["q_value"].to_pylist()) <= 0.05
    assert len(findings.top(5)) == 5
    assert "false discovery rate of 0.05" in repr(findings)
    assert "<table" in findings._repr_html_()


def test_rows_prove_it(findings):
    line = findings.top(1).to_pylist()[0]
    rows = findings.rows(0)
    assert len(rows) == 1
    row = rows.to_table().to_pylist()[0]
    assert row["value"] / row["net_weight"] == pytest.approx(line["observed"])
    assert row["value"] == line["value"]
    assert line["reason"] in findings.explain(0)
    with pytest.raises(errors.ArgumentError, match="counted from 0"):
        findings.rows(len(findings))


def test_by_shipment(findings):
    table = findings.by_shipment()
    assert table.column_names == ["row", "findings", "p_value", "reason"]
    assert len(table) == len(findings)
    p = table["p_value"].to_pylist()
    assert p == sorted(p)


def test_drawn_and_written(findings, tmp_path):
    png = tmp_path / "x.png"
    findings.plot(0).save(png)
    assert png.read_bytes().startswith(b"\x89PNG")
    path = findings.to_html(tmp_path / "x.html", limit=5)
    text = open(path, encoding="utf-8").read()  # noqa: SIM115
    assert text.count("<article>") == 5
    assert "http" not in text
    findings.to_parquet(tmp_path / "x.parquet")


def test_the_chart_shows_the_whole_range_of_peers(findings):
    chart = findings.plot(0).to_dict()
    points = [p["value"] for data in chart["datasets"].values() for p in data]
    row = findings.rows(0)
    code = row.aggregate("hs6", "shipments")["hs6"].to_pylist()[0]
    peers = findings.ships.where(hs6=code).aggregate([], ["value.q95"])["value_q95"].to_pylist()[0]
    assert sum(p > peers for p in points) > 0.02 * len(points)
    assert len(points) <= 4_001


def test_nothing_found_is_no_error():
    found = rl.screen(rl.samples.shipments(2_000, plant=False).ships, fdr=1e-9)
    assert len(found) == 0
    assert len(found.by_shipment()) == 0
    assert "0" in repr(found)


def test_fdr_of_the_1995_paper():
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    assert sum(q <= 0.05 for q in rl.fdr(p)) == 4
    assert rl.fdr([None, float("nan")]) == [None, None]
