"""Rows that are sums of other rows: recognised, counted, left out of peer groups."""

from __future__ import annotations

import pickle
import random
from itertools import compress
from operator import not_
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import redlane as rl

CODES = ["010121", "010129", "020110", "020120", "020130", "854231"]
PARTNERS = [(276, "DEU", "Germany"), (251, "FRA", "France"), (616, "POL", "Poland")]
WORLD = (0, "W00", "World")


def _comtrade(seed: int, *, re_exports: bool = True) -> tuple[pa.Table, float]:
    """A table in the form of UN Comtrade with all its totals, and the value of its detail."""
    draw = random.Random(seed)
    lines, detail = [], 0
    for year in (2021, 2022):
        for flow in ("M", "X", "RX") if re_exports else ("M", "X"):
            cells = {
                (partner, code): draw.randint(1, 50) if flow == "RX" else draw.randint(1000, 10**6)
                for partner in PARTNERS
                for code in CODES
            }
            detail += 0 if flow == "RX" else sum(cells.values())
            for partner in [*PARTNERS, WORLD]:
                sums: dict[str, int] = {}
                for (of, code), value in cells.items():
                    if partner in (WORLD, of):
                        for level in ("TOTAL", code[:2], code[:4], code):
                            sums[level] = sums.get(level, 0) + value
                for code, value in sums.items():
                    for mode in (0, 1000):
                        lines.append((year, 804, flow, *partner, code, mode, value / 10, float(value)))
    draw.shuffle(lines)
    names = [
        "period",
        "reporterCode",
        "flowCode",
        "partnerCode",
        "partnerISO",
        "partnerDesc",
        "cmdCode",
        "motCode",
        "netWgt",
        "primaryValue",
    ]
    table = pa.table(dict(zip(names, map(list, zip(*lines, strict=True)), strict=True)))
    return table, float(detail)


@pytest.mark.parametrize("seed", range(5))
def test_the_totals_of_a_published_table_are_found(seed: int, tmp_path: Path) -> None:
    table, detail = _comtrade(seed)
    path = tmp_path / "trade.csv"
    duckdb.from_arrow(table).write_csv(str(path))
    for ships in (rl.read(table), rl.read(path)):
        assert len(ships) == len(table)
        kept = ships.without_totals()
        assert kept.aggregate([], "value")["value"].to_pylist() == [detail]
        told = [note for note in ships.notes if "totals of other rows" in note]
        assert len(told) == 1
        assert told[0].startswith(f"{len(ships) - len(kept)} rows are totals")
        assert len(ships.totals) == len(ships) - len(kept)
        assert set(kept.to_table().to_arrow()["motCode"].to_pylist()) == {1000}
    assert rl.read(path, totals="drop").aggregate([], "value")["value"].to_pylist() == [detail]


def _statistics(*lines: tuple[str, ...], names: str = "date hs origin destination value") -> rl.Shipments:
    columns = list(zip(*lines, strict=True))
    table = {name: list(column) for name, column in zip(names.split(), columns, strict=True)}
    return rl.read(pa.table({**table, "value": [float(v) for v in table["value"]]}))


def test_a_total_has_its_parts_beside_it() -> None:
    # The world of one year, the partners of another; a reporter that publishes the world alone.
    ships = _statistics(
        ("2021", "010121", "World", "KE", "900"),
        ("2022", "010121", "World", "KE", "30"),
        ("2022", "010121", "DE", "KE", "10"),
        ("2022", "010121", "FR", "KE", "20"),
        ("2022", "010121", "World", "UG", "7"),
    )
    assert ships.totals["row"].to_pylist() == [1]
    # Continents without countries are the detail.
    parts = [("2023", "010121", name, "KE", "500") for name in ("Europe", "Asia", "Africa", "Other")]
    ships = _statistics(*parts)
    assert len(ships.totals) == 0
    assert any("nothing shows whether they are sums" in note for note in ships.notes)
    # The EU as one partner among the main ones.
    ships = _statistics(*[("2023", "010121", name, "KE", "500") for name in ("European Union", "US", "CN")])
    assert len(ships.totals) == 0
    # A year is not the total of some of its months, and not less than one of them.
    months = [("2022-01", "010121", "CN", "KE", "10"), ("2022-02", "010121", "CN", "KE", "20")]
    assert len(_statistics(("2022", "010121", "CN", "KE", "200"), *months).totals) == 0
    assert len(_statistics(("2022", "010121", "CN", "KE", "1"), *months).totals) == 0
    assert _statistics(("2022", "010121", "CN", "KE", "30"), *months).totals["row"].to_pylist() == [0]
    # Codes that do not add up stay beside others that do.
    ships = _statistics(
        ("2023", "0101", "DE", "KE", "1100"),
        ("2023", "010121", "DE", "KE", "500"),
        ("2023", "010129", "DE", "KE", "600"),
        ("2023", "8471", "DE", "KE", "70000"),
        ("2023", "847130", "DE", "KE", "123"),
    )
    assert ships.totals["row"].to_pylist() == [0]


def test_words_in_other_columns_are_no_totals() -> None:
    inspections = [("PARTIAL", "010121", "100"), ("TOTAL", "020110", "300"), ("NONE", "854231", "200")]
    assert len(_statistics(*inspections, names="inspection hs value").totals) == 0


def test_what_a_table_does_not_sum_up_is_no_total() -> None:
    # Only the world: its rows are the detail.
    world = {"origin": ["World"] * 3, "hs": ["010121", "020110", "854231"], "value": [1.0, 2.0, 3.0]}
    assert len(rl.read(pa.table(world)).totals) == 0
    # Codes of several lengths whose figures do not add up.
    ships = rl.read(pa.table({"origin": ["DE"] * 3, "hs": ["01", "010121", "010129"], "value": [7.0, 500.0, 900.0]}))
    assert len(ships.totals) == 0
    assert any("do not add up" in note for note in ships.notes)
    # Declarations of firms are not statistics.
    firms = {"importer": ["A", "B", "C"], "hs": ["01", "0101", "010121"], "value": [100.0, 100.0, 100.0]}
    assert len(rl.read(pa.table(firms)).totals) == 0
    # Only some sources count re-exports among the exports.
    trade = {"flow": ["Export", "Re-Export"], "origin": ["DE"] * 2, "destination": ["FR"] * 2, "hs": ["010121"] * 2}
    assert len(rl.read(pa.table({**trade, "value": [400.0, 100.0]})).totals) == 0


def test_regions_are_totals_where_countries_alone_make_up_the_world() -> None:
    rows = [("World", 30.0), ("Africa", 10.0), ("EU27_2020", 20.0), ("KE", 10.0), ("DE", 15.0), ("FR", 5.0)]
    origins, values = map(list, zip(*rows, strict=True))
    ships = rl.read(pa.table({"origin": origins, "hs": ["010121"] * 6, "value": values}))
    assert ships.totals["row"].to_pylist() == [0, 1, 2]
    # Regions alone are the detail of the world.
    ships = rl.read(pa.table({"origin": ["World", "Extra-EU", "Intra-EU"], "hs": ["01"] * 3, "value": [3.0, 1.0, 2.0]}))
    assert ships.totals["row"].to_pylist() == [0]


LINES = "hs,origin,destination,value,net_weight\n010121,DE,FR,100.5,10\n020110,PL,FR,200.25,20\n854231,DE,FR,300,30\n"


@pytest.mark.parametrize(
    "line",
    [
        ",,,600.75,60",
        "Total,,,600.75,60",
        "TOTAL GENERAL,,,601,60",
        "Sub-total (2),,,600.75,60",
        "Summe,,,600.75,60",
        "Итого:,,,600.75,60",
        ",Total,,600.75,60",
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_a_line_of_totals_gives_faults(line: str, above: bool, tmp_path: Path) -> None:
    path = tmp_path / "trade.csv"
    header, rows = LINES.split("\n", 1)
    path.write_text(f"{header}\n{line}\n{rows}" if above else f"{LINES}{line}\n", encoding="utf-8")
    ships = rl.read(path)
    row = 0 if above else 3
    assert len(ships) == 4
    assert ships.aggregate([], ["value", "net_weight"]).to_pylist() == [{"value": 600.75, "net_weight": 60.0}]
    told = [
        (f["row"], f["column"]) for f in ships.faults.to_pylist() if f["reason"] == "looks like the total of the column"
    ]
    assert told == [(row, "value"), (row, "net_weight")]
    assert ships.totals["row"].to_pylist() == [row]
    assert len(ships.without_totals()) == 3
    copy = pickle.loads(pickle.dumps(ships))
    assert copy.faults.to_pylist() == ships.faults.to_pylist()
    assert copy.totals.to_pylist() == ships.totals.to_pylist()


def test_a_line_of_totals_below_several_currencies(tmp_path: Path) -> None:
    path = tmp_path / "trade.csv"
    path.write_text("hs,origin,currency,value\n010121,DE,EUR,100\n020110,FR,USD,200\nTotal,,,300\n")
    ships = rl.read(path)
    assert ships.aggregate([], "value")["value"].to_pylist() == [300.0]
    assert ships.convert("USD", {"EUR": 2.0}).aggregate([], "value")["value"].to_pylist() == [400.0]


def test_lines_of_totals_within_a_table(tmp_path: Path) -> None:
    path = tmp_path / "trade.csv"
    lines = ["DE,01,10", "DE,02,20", "DE Total,,30", ",,", "FR,03,5", "Total France,,5", "IT,,7", "Grand Total,,42"]
    for order in range(6):
        random.Random(order).shuffle(lines)
        path.write_text("\n".join(["origin,hs,value", *lines]) + "\n")
        ships = rl.read(path)
        assert ships.aggregate([], "value")["value"].to_pylist() == [42.0]
        assert ships.totals["row"].to_pylist() == [n for n, line in enumerate(lines) if "Total" in line]


@pytest.mark.parametrize("line", [",,,77,7", ",,,600.75,61", ",DE,FR,600.75,60", "999999,,,600.75,60"])
def test_other_rows_without_keys_are_no_totals(line: str, tmp_path: Path) -> None:
    path = tmp_path / "trade.csv"
    path.write_text(f"{LINES}{line}\n")
    ships = rl.read(path)
    assert len(ships.totals) == 0
    assert not any("total" in f["reason"] for f in ships.faults.to_pylist())


def test_years_beside_their_months_are_totals() -> None:
    periods = ["2023-01", "2023-02", "2023", "2022", "2023-Q1"]
    table = pa.table({"date": periods, "origin": ["DE"] * 5, "hs": ["010121"] * 5, "value": [1.0, 2.0, 3.0, 9.0, 3.0]})
    ships = rl.read(table)
    assert ships.totals["row"].to_pylist() == [2, 4]
    assert ships.without_totals().aggregate("year", "value")["value"].to_pylist() == [9.0, 3.0]
    assert ships.totals["reason"].to_pylist()[0] == '"date" is "2023", and its parts add up to it'
    # The months of another trade are not parts of this one.
    table = pa.table({"date": ["2023-01", "2023"], "origin": ["DE", "FR"], "hs": ["010121"] * 2, "value": [1.0, 2.0]})
    assert len(rl.read(table).totals) == 0


def test_rows_with_keys_are_no_lines_of_totals(tmp_path: Path) -> None:
    path = tmp_path / "trade.csv"
    path.write_text(
        "inspection,remarks,importer,hs,value\nPartial,x,A,010121,1234\nNone,y,B,010121,2345\nTotal,,C,020110,3579\n"
    )
    assert rl.read(path).aggregate([], "value")["value"].to_pylist() == [7158.0]
    # The form of the US Census: the sign of all countries is a dash.
    lines = [
        f"{code},{name},{v},{hs},2023-01"
        for hs in ("030342", "030343")
        for code, name, v in (("-", "TOTAL FOR ALL COUNTRIES", 3500), ("5880", "JAPAN", 1000), ("5700", "CHINA", 2500))
    ]
    path.write_text("\n".join(["CTY_CODE,CTY_NAME,GEN_VAL_MO,I_COMMODITY,time", *lines]) + "\n")
    ships = rl.read(path)
    assert ships.where(CTY_NAME="TOTAL FOR ALL COUNTRIES").aggregate([], "value")["value"].to_pylist() == [7000.0]
    assert ships.totals["row"].to_pylist() == [0, 3]


@pytest.mark.parametrize(
    "values",
    [[float("inf"), 1.0, 2.0], [1.2345e300, 1.2345e300, 1.0], [2599.98, 1299.99, 1299.99], [5555.5, 5555.5, 1e-4]],
)
def test_chance_makes_no_total(values: list[float]) -> None:
    table = pa.table({"hs": [None, "01", "02"], "origin": [None, "DE", "FR"], "value": values})
    assert len(rl.read(table).totals) == 0


def test_small_figures_are_sums_by_chance() -> None:
    table = pa.table({"hs": [None, "01", "02"], "origin": [None, "DE", "FR"], "value": [3.0, 1.0, 2.0]})
    assert rl.read(table).aggregate([], "value")["value"].to_pylist() == [6.0]


def test_totals_are_in_no_peer_group() -> None:
    draw = random.Random(3)
    n = 200
    origins = [draw.choice(["DE", "FR", "PL"]) for _ in range(n)]
    weights = [draw.uniform(5, 50) for _ in range(n)]
    values = [w * draw.uniform(9, 11) for w in weights]
    dates = [f"2023-{1 + i // 4 % 12:02d}-01" for i in range(n)]
    world = [i % 4 == 0 for i in range(n)]
    origins = ["World" if w else o for w, o in zip(world, origins, strict=True)]
    values = [v * (30 if w else 1) for w, v in zip(world, values, strict=True)]
    table = pa.table({"hs": ["010121"] * n, "origin": origins, "date": dates, "value": values, "net_weight": weights})
    ships = rl.read(table)
    kept = ships.without_totals()
    assert len(kept) == n - sum(world)
    for detector in (
        rl.UnitValue(by=("hs6",), backoff=()),
        rl.ValueWeight(by=("hs6",)),
        rl.Ecod(),
        rl.Isolation(trees=20),
        rl.Rarity(of="origin", given=("hs6",)),
    ):
        whole = detector.fit_score(ships).to_pylist()
        assert [line["row"] for line in whole] == list(range(n))
        for line in compress(whole, world):
            assert line["score"] is None
            assert line["p_value"] is None
            assert line["n_peers"] is None
            assert line["reason"] == 'not scored: the row is a total of other rows ("origin" is "World")'
        assert list(compress(whole, map(not_, world))) == detector.fit_score(kept).to_pylist()
        # A fit and its copy also score separately.
        fit = detector.fit(ships)
        again = pickle.loads(pickle.dumps(fit)).score(ships).to_pylist()
        assert again == fit.score(ships).to_pylist()
        assert [line["score"] for line in again] == [line["score"] for line in whole]
    surge = rl.Surge(by=("hs6", "origin"), every="month")
    assert surge.fit_score(ships).to_pylist() == surge.fit_score(kept).to_pylist()
    made, described = rl.features(ships).to_pandas(), rl.features(kept).to_pandas()
    assert len(made) == n
    assert made[world].isna().all().all()
    assert made[[not w for w in world]].reset_index(drop=True).equals(described)
    # A part of the shipments keeps its totals.
    part = ships.where(origin="World")
    assert len(part.totals) == len(part) == sum(world)
    assert len(part.without_totals()) == 0


def test_arguments_that_say_nothing_about_a_source_are_errors(tmp_path: Path) -> None:
    table = pa.table({"hs": ["010121"], "value": [1.0]})
    for name, value in [("encoding", "utf-8"), ("delimiter", ";"), ("header", 1), ("skip", 1), ("sheet", 1)]:
        for ask in (rl.read, rl.inspect):
            with pytest.raises(rl.errors.ArgumentError, match=f"{name}= is for"):
                ask(table, **{name: value})  # type: ignore[operator]
    path = tmp_path / "x.parquet"
    rl.read(table).to_table().to_parquet(path)
    with pytest.raises(rl.errors.ArgumentError, match="the source is Parquet"):
        rl.read(path, delimiter=";")
    with pytest.raises(rl.errors.ArgumentError, match="totals='all' is not known"):
        rl.read(table, totals="all")  # type: ignore[arg-type]
