"""Writing: complete files or none, and text that stays text."""

import json
import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
import redlane as rl
from redlane import errors
from redlane._visible import visible
from redlane.cli import main
from redlane.writing import write

ATTACK = "</script><script>alert(9)</script>"


@pytest.fixture(scope="module")
def sample():
    return rl.samples.shipments(20_000, seed=2)


@pytest.fixture
def table(sample):
    return sample.ships.aggregate(["hs2", "origin"], ["shipments", "value"])


def writers(table, findings):
    return {
        "x.csv": table.to_csv,
        "x.parquet": table.to_parquet,
        "y.parquet": findings.to_parquet,
        "x.html": findings.to_html,
    }


@pytest.fixture(scope="module")
def findings(sample):
    return rl.screen(sample.ships)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "y.parquet", "x.html"])
def test_a_full_disk_leaves_the_old_file(tmp_path, sample, findings, name):
    path = tmp_path / name
    path.write_text("precious")
    put = writers(sample.ships.to_table(), findings)[name]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(errors.WriteError, match=name) as caught:
            put(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert "cannot be written" in str(caught.value)
    assert isinstance(caught.value, OSError)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == [name]


def test_permissions_stay(tmp_path, table):
    path = tmp_path / "x.csv"
    path.write_text("old")
    path.chmod(0o640)
    table.to_csv(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    old = os.umask(0o027)
    try:
        table.to_csv(tmp_path / "new.csv")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640


def test_links_stay_links(tmp_path, table):
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "x.csv", tmp_path / "link.csv"
    link.symlink_to(real)
    table.to_csv(link)
    assert link.is_symlink()
    assert pl.read_csv(real).shape == table.shape
    assert os.listdir(tmp_path / "real") == ["x.csv"]


def test_no_file_is_written_over_its_own_source(tmp_path, sample, capsys, monkeypatch):
    path = tmp_path / "x.parquet"
    sample.ships.to_table().to_parquet(path)
    held = path.read_bytes()
    (tmp_path / "link.parquet").symlink_to(path)
    ships = rl.read(path, progress=False)
    scores = rl.UnitValue().fit_score(ships)
    found = rl.screen(ships)
    for table in (
        ships.to_table(),
        ships.to_table().head(5),
        ships.where(origin="CN").aggregate("hs2"),
        ships.summary(),
        ships.faults,
        ships.compare("hs2", "2023", "2022"),
        scores,
        found.table,
        found.by_shipment(),
        rl.features(ships),
    ):
        for target in (path, tmp_path / "link.parquet"):
            with pytest.raises(errors.WriteError, match="read from this file"):
                table.to_parquet(target)
    with pytest.raises(errors.WriteError, match="read from this file"):
        found.to_html(path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["aggregate", "x.parquet", "--by", "hs2", "-o", "./x.parquet"])
    assert "read from this file" in capsys.readouterr().err
    assert path.read_bytes() == held
    ships.aggregate("hs2").to_parquet(tmp_path / "other.parquet")


def test_what_cannot_be_a_target_says_so(tmp_path, table):
    with pytest.raises(errors.WriteError, match="no folder"):
        table.to_csv(tmp_path / "nowhere" / "x.csv")
    with pytest.raises(errors.WriteError, match="is a folder"):
        table.to_parquet(tmp_path)
    for wrong in ("", "a\0b", 5):
        with pytest.raises(errors.ArgumentError, match="path"):
            table.to_parquet(wrong)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(errors.WriteError):
        table.to_csv(tmp_path / "loop")


def test_the_home_folder(tmp_path, table, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    table.to_csv("~/x.csv")
    assert (tmp_path / "x.csv").exists()


def test_an_interrupted_write_leaves_nothing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("precious")

    def stopped(name):
        Path(name).write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, stopped)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["x.csv"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_pipes_get_the_bytes(tmp_path, table, ending):
    pipe = tmp_path / f"x.{ending}"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    (table.to_csv if ending == "csv" else table.to_parquet)(pipe)
    reader.join(20)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    if ending == "csv":
        assert got[0].decode() == table.to_csv()
    else:
        (tmp_path / "y.parquet").write_bytes(got[0])
        assert pl.read_parquet(tmp_path / "y.parquet").shape == table.shape


def test_full_device(table):
    with pytest.raises(errors.WriteError, match="No space left"):
        table.to_csv("/dev/full")


def run(*arguments, **options):
    command = [sys.executable, "-m", "redlane", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_standard_output(tmp_path, sample):
    path = tmp_path / "x.csv"
    sample.ships.to_table().to_csv(path)
    for target in ("-", "/dev/stdout"):
        done = run("aggregate", path, "--by", "hs2", "-o", target)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("hs2,shipments,value")
        assert "rows written" in done.stderr


def test_a_closed_pipe_ends_quietly(tmp_path, sample):
    path = tmp_path / "x.csv"
    sample.ships.to_table().to_csv(path)
    for rest in ("--limit 100000", "-o -"):
        command = f"{sys.executable} -m redlane aggregate {path} --by importer,exporter,date {rest} | head -1"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.stdout.startswith("importer")
        assert "Broken pipe" not in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr


def test_formulas(tmp_path, capsys):
    table = rl.Table(pl.DataFrame({"=firm": ["=1+1", "@a", "-5", "plain", None], "n": [-1, 2, 3, 4, 5]}))
    assert table.to_csv() == "=firm,n\n=1+1,-1\n@a,2\n-5,3\nplain,4\n,5\n"
    safe = "'=firm,n\n'=1+1,-1\n'@a,2\n-5,3\nplain,4\n,5\n"
    assert table.to_csv(formulas="escape") == safe
    table.to_csv(tmp_path / "x.csv", "escape")
    assert (tmp_path / "x.csv").read_text() == safe
    with pytest.raises(errors.ArgumentError, match="escape"):
        table.to_csv(formulas="no")
    (tmp_path / "y.csv").write_text("hs,importer,value\n0101,=cmd|x,5\n")
    main(
        [
            "aggregate",
            str(tmp_path / "y.csv"),
            "--by",
            "importer",
            "--measures",
            "shipments",
            "-o",
            str(tmp_path / "z.csv"),
            "--formulas",
            "escape",
        ]
    )
    assert "\n'=cmd|x" in (tmp_path / "z.csv").read_text()


@pytest.fixture(scope="module")
def attacked(sample):
    frame = sample.ships.to_polars().with_columns(pl.col("importer").str.replace("^", ATTACK))
    newcomer = rl.Newcomer(entity=("importer",), min_peers=3, burn_in=100)
    return rl.screen(rl.read(frame, progress=False), [newcomer], fdr=0.99)


def test_charts_keep_their_data_in(tmp_path, attacked):
    chart = attacked.plot(0)
    bundle = chart._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    chart.save(tmp_path / "x.html")
    pages = [
        bundle["text/html"],
        chart.to_html(),
        chart.properties(width=10).to_html(),
        (tmp_path / "x.html").read_text(),
    ]
    for page in pages:
        assert ATTACK not in page
        assert "\\u003c/script\\u003e" in page
    chart.save(tmp_path / "x.json")
    for spec in (chart.to_dict(), json.loads((tmp_path / "x.json").read_text())):
        assert ATTACK in spec["title"]["text"]
    with pytest.MonkeyPatch.context() as patch:
        import altair as alt

        patch.setattr(alt.renderers, "_active", alt.renderers._active)
        with alt.renderers.enable("mimetype"):
            assert ATTACK in str(chart._repr_mimebundle_())


def test_strips_keep_their_data_in(sample):
    frame = sample.ships.to_polars().with_columns(pl.col("hs").str.replace("^", ATTACK))
    found = rl.screen(rl.read(frame, progress=False), [rl.Repeats()], fdr=0.9)
    assert "<script>alert" not in found.plot(0).to_html()


def test_reports_keep_their_data_in(tmp_path, attacked):
    page = Path(attacked.to_html(tmp_path / "x.html", limit=3)).read_text()
    assert "<script" not in page


def test_what_cannot_be_seen_is_shown(tmp_path, capsys):
    assert (
        visible("a\x1b[31mb\u202ec\u200bd\ufeff\u2028\U000e0041")
        == "a\\x1b[31mb\\u202ec\\u200bd\\ufeff\\u2028\\U000e0041"
    )
    plain = ["naïve Ωμέγα Жук 中文 عربي עברית हिन्दी 👩‍👧 می‌خواهم क्‍ष", "tab\tline\n", "١٢٣ \u0600"]
    assert [visible(text) for text in plain] == plain
    assert visible("a\u200db") == "a\\u200db"
    table = rl.Table(pl.DataFrame({"na\x1bme": ["x\x1b[31m\u202e", "я"]}))
    for text in (repr(table), table._repr_html_()):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\x1b[31m\\u202e" in text
        assert "na\\x1bme" in text
        assert "я" in text
    path = tmp_path / "x.csv"
    path.write_text("hs,importer,value\n0101,\x1b[2J\u202eabc,5\n")
    main(["aggregate", str(path), "--by", "importer", "--measures", "shipments"])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[2J\\u202eabc" in out
    with pytest.raises(SystemExit):
        main(["aggregate", "\x1b[2J.csv"])
    assert "\x1b" not in capsys.readouterr().err
    ships = rl.read(path, progress=False)
    assert "\x1b" not in ships._repr_html_() + repr(ships)
