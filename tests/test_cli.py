import subprocess
import sys

import polars as pl
import pytest
import redlane as rl
from redlane.cli import main


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "x.parquet"
    rl.samples.shipments(20_000, seed=1).ships.to_table().to_parquet(path)
    return str(path)


def run(capsys, *arguments):
    main([str(a) for a in arguments])
    return capsys.readouterr()


def test_summary(capsys, file):
    out = run(capsys, "summary", file).out
    assert "20,000 shipments" in out
    assert "net_weight" in out


@pytest.mark.parametrize("ending", ["csv", "parquet", "html"])
def test_aggregate_to_files(capsys, file, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    done = run(capsys, "aggregate", file, "--by", "hs2,year", "--measures", "shipments,value.median", "-o", path)
    assert "rows written" in done.err
    expected = rl.read(file).aggregate(["hs2", "year"], ["shipments", "value.median"]).to_polars()
    if ending == "parquet":
        assert pl.read_parquet(path).equals(expected)
    elif ending == "csv":
        assert pl.read_csv(path)["shipments"].to_list() == expected["shipments"].to_list()
    else:
        assert path.read_text(encoding="utf-8").count("<tr>") == len(expected) + 1


def test_where_and_columns(capsys, file, tmp_path):
    out = run(
        capsys,
        "aggregate",
        file,
        "--where",
        "destination=RU,UA",
        "--where",
        "date=2022..2023-06",
        "--by",
        "destination",
    ).out
    assert "RU" in out
    assert "CN" not in out
    path = tmp_path / "x.csv"
    path.write_text("a,b\n0101,5\n0102,7\n")
    out = run(
        capsys, "aggregate", path, "--column", "hs=a", "--column", "value=b", "--by", "hs4", "--measures", "value"
    ).out
    assert "0102" in out


def test_compare_and_screen(capsys, file, tmp_path):
    out = run(
        capsys, "compare", file, "--by", "hs2", "--current", "2023", "--base", "2022", "--against", "destination=UA"
    ).out
    assert "times" in out
    out = run(capsys, "screen", file, "--limit", "3").out
    assert "findings among 20,000 shipments" in out
    page = tmp_path / "findings.html"
    run(capsys, "screen", file, "-o", page)
    assert "second look" in page.read_text(encoding="utf-8")


def test_demo(capsys, tmp_path):
    out = run(capsys, "demo", "--shipments", "20000", "-o", tmp_path / "d.html").out
    assert "rl.screen(ships)" in out
    assert (tmp_path / "d.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["summary", "nope.csv"], "no such file: nope.csv"),
        (["summary"], "FILES"),
        (["sumary", "x.csv"], "summary"),
        (["aggregate", "FILE", "--by", "hss"], "did you mean"),
        (["aggregate", "FILE", "--column", "value"], "name=value"),
        (["aggregate", "FILE", "-o", "x.doc"], ".csv, .parquet or .html"),
        (["compare", "FILE", "--current", "2023"], "base"),
        (["aggregate", "FILE", "--limit", "many"], "limit"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(file, arguments, words):
    done = subprocess.run(
        [sys.executable, "-m", "redlane", *(file if a == "FILE" else a for a in arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("redlane: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
