import io
import os
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


@pytest.fixture(scope="module")
def quoted(tmp_path_factory):
    """Firms and columns with commas, points and quotes in their names."""
    path = tmp_path_factory.mktemp("quoted") / "x.parquet"
    firms = ["ACME, Inc", "Other", "a..b", 'The "Best"', "Third", "a..b"]
    frame = pl.DataFrame(
        {"importer": firms, "Item, Price": range(6), "year": [2020, 2021, 2022, 2023, 2023, 2024], "hs": ["88"] * 6}
    )
    frame.write_parquet(path)
    return str(path)


def firms(capsys, quoted, *where):
    asked = [part for option in where for part in ("--where", option)]
    out = run(capsys, "aggregate", quoted, "--by", "importer", "--measures", "shipments", "-o", "-", *asked).out
    return pl.read_csv(io.StringIO(out))["importer"].to_list() if out.count("\n") > 1 else []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('importer="ACME, Inc",Other', ["ACME, Inc", "Other"]),
        ('importer="ACME, Inc", Other', ["ACME, Inc", "Other"]),
        ('importer="a..b"', ["a..b"]),
        ('importer="The ""Best""",Third', ['The "Best"', "Third"]),
        ('importer=The "Best"', ['The "Best"']),
        ('importer="ACME, Inc".."ACME, Inc"', ["ACME, Inc"]),
        ('importer=Third.."a..b"', ["Third", "a..b"]),
        ("importer=..B,Other", ["ACME, Inc", "Other"]),
        ("importer=a..", ["a..b"]),
        ("Item, Price=0..1,3..3", ["ACME, Inc", "Other", 'The "Best"']),
        ('Item, Price="1_0e-1"', ["Other"]),
    ],
)
def test_values_in_quotes_hold_commas_and_points(capsys, quoted, where, expected):
    assert firms(capsys, quoted, where) == expected


def test_all_conditions_on_one_column_must_hold(capsys, quoted):
    assert firms(capsys, quoted, "Item, Price=1..", "Item, Price=..3", 'importer=Other,"a..b"') == ["Other", "a..b"]
    assert firms(capsys, quoted, "importer=Other", "importer=Third") == []


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ('importer="ACME', "the quote is not closed"),
        ('importer="ACME" Inc', "behind the closing quote"),
        ("importer=a,,b", "empty value"),
        ("importer=a..b..c", "a range is first..last"),
        ("importer", "write it as name=value"),
        ("importer=", "write it as name=value"),
        ("Item, Price=5..1", "ends before it begins"),
        ('Item, Price="1,000"', "may be 1000 or 1.000"),
        ("hs2=8806", "longer than the 2 digits"),
        ("impoter=x", "impoter"),
    ],
)
@pytest.mark.parametrize("flag", ["--where", "--against"])
def test_errors_of_conditions_name_the_option(capsys, quoted, flag, option, words):
    windows = ["--current", "2023", "--base", "2022", "--measure", "shipments", "--column", "date=year"]
    with pytest.raises(SystemExit) as ended:
        run(capsys, "compare", quoted, *windows, flag, option)
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"redlane: {flag} ")
    assert words in told


def test_names_in_quotes_hold_commas(capsys, quoted):
    out = run(capsys, "aggregate", quoted, "--by", 'hs,"Item, Price"', "--measures", '"Item, Price.max",shipments').out
    assert "Item, Price" in out
    measure = ["--measure", "shipments", "--column", "date=year", "--by", '"Item, Price"', "-o", "-"]
    out = run(capsys, "compare", quoted, "--current", "2022..2023", "--base", "2021", *measure).out
    assert out.startswith('"Item, Price",base')
    with pytest.raises(SystemExit):
        run(capsys, "aggregate", quoted, "--by", 'hs,"Item')
    assert "--by hs" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(capsys, "aggregate", quoted, "--measures", "")
    assert "--measures" in capsys.readouterr().err


def test_the_reference_takes_values_in_quotes(capsys, quoted):
    asked = ["--current", "2023", "--base", "2022", "--measure", "shipments", "--column", "date=year", "-o", "-"]
    out = run(capsys, "compare", quoted, "--by", "importer", *asked, "--against", 'importer="a..b","ACME, Inc"').out
    assert "against_current" in out.splitlines()[0]
    with pytest.raises(SystemExit):
        run(capsys, "compare", quoted, *asked, "--against", "importer=a", "--against", "importer=b")
    assert "--against importer=b: 'importer' is given twice" in capsys.readouterr().err


def test_a_window_on_the_command_line_has_two_ends(capsys, quoted):
    for window in ("2022..", "..2022", "2021..2022..2023"):
        with pytest.raises(SystemExit):
            run(capsys, "compare", quoted, "--current", window, "--base", "2021")
        assert f"--current {window}: write a window as" in capsys.readouterr().err


COMMANDS = {
    "inspect": ["inspect", "FILE"],
    "summary": ["summary", "FILE"],
    "faults": ["summary", "FILE", "--faults"],
    "aggregate": ["aggregate", "FILE", "--by", "hs2"],
    "compare": ["compare", "FILE", "--by", "hs2", "--current", "2023", "--base", "2022"],
    "screen": ["screen", "FILE"],
    "demo": ["demo", "--shipments", "5000"],
}


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_writes_its_table_to_a_pipe(file, tmp_path, command, output):
    if output != "-" and not os.path.exists(output):
        pytest.skip("there is no /dev/stdout here")
    words = [file if word == "FILE" else word for word in COMMANDS[command]]
    done = subprocess.run(
        [sys.executable, "-m", "redlane", *words, "-o", output], capture_output=True, check=True, cwd=tmp_path
    )
    table = pl.read_csv(done.stdout)
    assert table.width > 2
    assert f"{len(table):,} rows written to {output}" in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_hyphen_with_an_ending_is_a_file(file, tmp_path):
    words = ["aggregate", file, "--by", "hs2", "-o", "-.csv"]
    done = subprocess.run([sys.executable, "-m", "redlane", *words], capture_output=True, check=True, cwd=tmp_path)
    assert done.stdout == b""
    assert (tmp_path / "-.csv").exists()


def test_the_demo_writes_a_table_by_the_ending(capsys, tmp_path):
    run(capsys, "demo", "--shipments", "5000", "-o", tmp_path / "d.parquet")
    assert "finding" in pl.read_parquet(tmp_path / "d.parquet").columns


def test_a_number_with_a_comma_beside_a_range_is_an_error(tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_text("hs,value\n010121,5000\n010129,10\n")
    for condition in ("value=1,000..", "value=1,000.50..", "value=..5,000.50", "value=1e3..1,000.50"):
        with pytest.raises(SystemExit):
            main(["summary", str(path), "--where", condition])
        assert "double quotes" in capsys.readouterr().err
    main(["aggregate", str(path), "--measures", "shipments", "--where", 'value="1,000.50"..'])
    assert "1" in capsys.readouterr().out
