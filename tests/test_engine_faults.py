"""Rules for every machine and all data: no call hangs, Ctrl-C works, time grows with the data only."""

import datetime
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import arro3.core
import numpy as np
import polars as pl
import pytest
import redlane as rl

D = datetime.date


def run(script, limit, **environment):
    """A script in a separate process, which is stopped after `limit` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        pytest.fail(f"still at work after {limit} seconds; it wrote {out[-500:]!r} {err[-2000:]!r}")
    return process.returncode, out, err


MADE = """
    import datetime, json, os, signal, sys, threading, time
    from collections import Counter
    import numpy as np, polars as pl, redlane as rl
    rng = np.random.default_rng(0)
    def frame(n, text=True):
        day = np.datetime64("2015-01-01") + rng.integers(0, 3600, n)
        value = rng.lognormal(5, 1, n); value[:: max(n // 200, 1)] *= 1e5
        firms = np.array([f"F{i}" for i in range(50)])
        places = np.array(["CN", "DE", "FR", "US", "RU", "UA", "KZ", "TR"])
        return pl.DataFrame({
            "date": day.astype(str) if text else pl.Series(day),
            "hs": np.array(["880622", "690912", "010121"])[rng.integers(0, 3, n)],
            "origin": places[rng.integers(0, 3, n)], "destination": places[rng.integers(3, 8, n)],
            "exporter": firms[rng.integers(0, 50, n)], "importer": firms[rng.integers(0, 50, n)],
            "reported_by": np.array(["exporter", "importer"])[rng.integers(0, 2, n)],
            "value": value, "net_weight": rng.lognormal(3, 1, n), "quantity": rng.integers(1, 50, n).astype(float),
            "fraud": rng.integers(0, 2, n)})
    def detectors():
        return [rl.UnitValue(min_peers=5), rl.ValueWeight(by=("hs6",)), rl.Rarity(), rl.Repeats(threshold=10_000.0),
                rl.Digits(entity="importer", min_products=1), rl.Isolation(), rl.Ecod(), rl.Surge(by=("hs6",)),
                rl.Newcomer(burn_in=100), rl.Divergence(), rl.MirrorGap(),
                rl.Diversion(target="RU", event="2022-03-01")]
"""


@pytest.mark.parametrize("threads", [8, 16])
def test_no_thread_waits_for_itself(threads):
    script = f"""
    rl.set_threads({threads})
    some = frame(140_000)  # enough that a column is read by several threads
    for i in range(200):
        rl.screen(rl.read(some, progress=False), progress=False)
    for detector in detectors():
        ships = rl.read(frame(20_000) if type(detector).__name__ == "Isolation" else some, progress=False)
        table = detector.fit_score(ships)
        answers = []
        def ask():
            answers.append([table["caution"].to_pylist(), table["reason"].to_pylist(), len(detector.state())])
        askers = [threading.Thread(target=ask) for _ in range(6)]
        [a.start() for a in askers]
        [a.join() for a in askers]
        assert len(answers) == 6 and all(a == answers[0] for a in answers), detector
    print("done")
    """
    code, out, err = run(MADE + script, 300)
    assert (code, out.split()) == (0, ["done"]), err


def test_a_forked_child_computes():
    script = """
    ships = rl.samples.shipments(20_000).ships
    want = ships.aggregate("hs2").to_pylist()
    def child():
        signal.alarm(60)  # a hang ends the child
        ok = ships.aggregate("hs2").to_pylist() == want and len(rl.UnitValue().fit_score(ships)["caution"]) > 0
        begun = time.time()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            while True: rl.UnitValue().fit_score(ships)
        except KeyboardInterrupt:
            ok = ok and time.time() - begun < 5
        os._exit(0 if ok else 1)
    busy, stop = [], threading.Event()
    def work():
        while not stop.is_set():
            ships.aggregate(["hs6", "origin"]); rl.UnitValue().fit_score(ships)["caution"]
    codes = []
    for k in range(12):
        if k == 2:  # from here on while other threads compute
            busy = [threading.Thread(target=work) for _ in range(2)]
            [b.start() for b in busy]
        time.sleep(0.02 * k)
        pid = os.fork()
        if pid == 0: child()
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    stop.set()
    [b.join() for b in busy]
    print(codes)
    """
    code, out, err = run(MADE + script, 300)
    assert (code, json.loads(out)) == (0, [0] * 12), err


INTERRUPTS = """
    import pyarrow, tempfile
    n = 300_000
    ships = rl.read(frame(n), progress=False)
    ships.summary()
    apart = rl.read(frame(60_000).with_columns(
        date=pl.Series(np.datetime64("2000-01-01") + rng.integers(0, 8000, 60_000)),
        importer=pl.Series([f"F{i % 20_000}" for i in range(60_000)])), progress=False)
    folder = tempfile.mkdtemp()
    csv = folder + "/x.csv"
    frame(n).write_csv(csv)
    rates = pl.DataFrame({"currency": ["EUR"] * 9_000, "rate": [1.1] * 9_000,
        "date": [str(d) for d in np.datetime64("2000-01-01") + np.arange(9_000)]})
    bad = rl.read(frame(n).with_columns(pl.lit("oops").alias("value")), columns={"value": "value"}, progress=False)
    def latency(action):
        worst = 0.0
        for delay in (0.05, 0.2, 0.4):
            sent = []
            def send():
                sent.append(time.time())
                os.kill(os.getpid(), signal.SIGINT)
            timer = threading.Timer(delay, send)
            try:
                timer.start()
                while True: action()
            except KeyboardInterrupt:
                worst = max(worst, time.time() - sent[0])
            timer.join()
        return worst
    actions = {
        "read": lambda: rl.read(csv, progress=False),
        "summary": lambda: rl.read(frame(1000), progress=False) and ships.summary(),
        "faults": lambda: bad.faults,
        "where": lambda: ships.where(hs="88", value=rl.between(1, 1000)),
        "aggregate": lambda: ships.aggregate(["hs6", "origin", "importer", "day"], ["value.median", "value.q95"]),
        "fill": lambda: ships.aggregate(["hs6", "origin", "importer", "day"], "value", fill="zero"),
        "convert": lambda: ships.convert("USD", rates, currency="EUR", progress=False),
        "compare": lambda: ships.compare(["hs6", "importer"], "2022", "2021"),
        "features": lambda: rl.features(ships, progress=False),
        "inject": lambda: rl.inject(ships, "newcomer", n=2000),
        "split": lambda: rl.inject(ships, "split", n=20_000),
        "screen": lambda: rl.screen(ships, detectors()[:4], fdr=0.5, progress=False),
        "sample": lambda: rl.samples.shipments(300_000),
        "leakage": lambda: rl.leakage_report(ships, ships, "fraud"),
    }
    for detector in detectors():
        name = type(detector).__name__
        actions[name] = lambda detector=detector: detector.fit_score(ships)
        table = detector.fit_score(ships)
        actions[name + " columns"] = lambda table=table: [table[c] for c in table.column_names]
        actions[name + " state"] = lambda detector=detector: detector.state()
    table = rl.UnitValue().fit_score(ships)
    actions |= {
        "to_csv": lambda: table.to_csv(),
        "to_parquet": lambda: table.to_parquet(folder + "/x.parquet"),
        "to_polars": lambda: table.to_polars(),
        "to_arrow": lambda: table.to_arrow(),
        "many days": lambda: rl.MirrorGap(every="day", by=("origin", "destination")).fit_score(apart),
        "many importers": lambda: rl.Divergence(across="importer", current="2021", base="2020").fit_score(apart),
        "many through": lambda: rl.Diversion(target="F5", event="2015-01-01").fit_score(wide),
        "expanding": lambda: rl.Surge(by=("hs6", "origin"), mode="expanding", every="week").fit_score(apart),
    }
    wide = rl.read(pl.DataFrame({
        "date": np.datetime64("2005-01-01") + rng.integers(0, 6000, 200_000),
        "hs": ["880622"] * 200_000, "value": rng.lognormal(5, 1, 200_000),
        "origin": [f"F{i % 40}" for i in range(200_000)],
        "destination": [f"F{i}" for i in rng.integers(0, 4000, 200_000)]}),
        columns={"origin": "origin", "destination": "destination"}, progress=False)
    print(json.dumps({name: latency(action) for name, action in actions.items()}))
"""


def test_ctrl_c_arrives_within_a_second_or_so():
    code, out, err = run(MADE + INTERRUPTS, 900)
    assert code == 0, err
    late = {name: seconds for name, seconds in json.loads(out.splitlines()[-1]).items() if seconds > 1.5}
    assert not late


def taken(action):
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def test_fill_counts_its_rows_before_it_makes_them():
    frame = pl.DataFrame(
        {
            "hs": [f"{100000 + i // 2}" for i in range(800)],
            "value": [1.0] * 800,
            "date": [D(1900, 1, 1) if i % 2 else D(2100, 12, 31) for i in range(800)],
        }
    )
    ships = rl.read(frame, progress=False)
    begun = time.perf_counter()
    with pytest.raises(rl.errors.ArgumentError, match=r"29365600 rows of 800 .* from 1900-01-01 to 2100-12-31"):
        ships.aggregate(["hs", "day"], "shipments", fill="zero")
    assert time.perf_counter() - begun < 5
    assert len(ships.aggregate(["hs", "year"], "shipments", fill="zero")) == 400 * (2100 - 1900 + 1)


@pytest.mark.parametrize(
    "by", [["hs", "month"], ["month", "hs"], ["hs", "month", "origin"], ["month"], ["quarter", "hs"]]
)
def test_fill_completes_each_combination(by):
    rng = np.random.default_rng(3)
    n = 400
    days = [None if i % 50 == 0 else D(2020, 1, 1) + datetime.timedelta(int(rng.integers(0, 900))) for i in range(n)]
    frame = pl.DataFrame(
        {
            "hs": [None if i % 37 == 0 else f"8806{i % 13:02d}" for i in range(n)],
            "origin": [["CN", "DE", None][i % 3] for i in range(n)],
            "value": rng.lognormal(3, 1, n),
            "date": pl.Series(days, dtype=pl.Date),
        }
    )
    ships = rl.read(frame, progress=False)
    plain = ships.aggregate(by, ["shipments", "value.median"]).to_pylist()
    filled = ships.aggregate(by, ["shipments", "value.median"], fill="zero").to_pylist()
    period = next(k for k in by if k in ("month", "quarter"))
    rest = [k for k in by if k != period]
    step = {"month": "1mo", "quarter": "1q"}[period]
    want = {}
    for row in plain:
        want.setdefault(tuple(row[k] for k in rest), {})[row[period]] = row
    expected = []
    for keys, rows in want.items():
        known = sorted(day for day in rows if day is not None)
        span = pl.date_range(known[0], known[-1], step, eager=True).to_list() if known else []
        for day in [*span, *([None] if None in rows else [])]:
            empty = {**dict(zip(rest, keys, strict=True)), period: day, "shipments": 0, "value_median": None}
            expected.append({**empty, **rows.get(day, {})})

    def order(row):
        return [(row[k] is None, str(row[k])) for k in by]

    assert [{k: row[k] for k in filled[0]} for row in sorted(expected, key=order)] == filled


def test_faults_of_many_chunks_take_one_walk():
    def faults(chunks):
        piece = pl.DataFrame({"hs": ["880622"] * 5, "value": ["1", "oops", "2", "bad", "3"]})
        frame = pl.concat([piece] * chunks, rechunk=False)
        return rl.read(frame, columns={"value": "value"}, progress=False)

    small, large = faults(50), faults(6_000)
    assert small.faults.to_pylist()[1] == {"row": 3, "column": "value", "raw": "bad", "reason": "not a number"}
    assert [f["raw"] for f in large.faults.to_pylist()] == ["oops", "bad"] * 6_000
    assert taken(lambda: large.faults) < 2


def repeated(n, groups=1):
    rng = np.random.default_rng(1)
    return rl.read(
        pl.DataFrame(
            {
                "hs": ["880622"] * n,
                "exporter": [f"A{i % groups}" for i in range(n)],
                "importer": ["B"] * n,
                "value": rng.lognormal(8, 0.4, n).round(0),
                "net_weight": rng.lognormal(5, 1, n).round(0),
                "date": pl.Series([D(2022, 1, 1) + datetime.timedelta(int(d)) for d in rng.integers(0, 60, n)]),
            }
        ),
        progress=False,
    )


def test_repeats_of_one_large_group_are_quick():
    ships = repeated(60_000)
    table = rl.Repeats(threshold=4_000.0).fit_score(ships)
    assert taken(lambda: table["score"]) < 10


def test_repeats_equal_a_count_one_by_one():
    n, window, tolerance, threshold, band = 300, 5, 0.02, 4_000.0, 0.1
    ships = repeated(n)
    table = rl.Repeats(window=window, tolerance=tolerance, threshold=threshold, band=band).fit_score(ships)
    rows = ships.to_polars().select("date", "value", "net_weight").rows()
    for line in table.to_pylist():
        day, value, weight = rows[line["row"]]
        near = [r for r in rows if abs((r[0] - day).days) <= window]
        like = {
            "duplicate": sum(r == (day, value, weight) for r in near) - 1,
            "near duplicate": sum(value / 1.02 <= r[1] <= value * 1.02 for r in near) - 1,
            "split": sum(threshold * (1 - band) <= r[1] < threshold for r in near) - 1,
        }
        if line["kind"] is None:
            assert like["duplicate"] == like["near duplicate"] == 0
        else:
            assert line["observed"] == like[line["kind"]]


def test_divergence_over_many_importers_is_quick():
    m = 20_000
    n = 4 * m
    rng = np.random.default_rng(0)
    ships = rl.read(
        pl.DataFrame(
            {
                "hs": ["880622"] * n,
                "importer": [f"F{i % m}" for i in range(n)],
                "value": rng.lognormal(5, 1, n),
                "date": [D(2022 + (i % (2 * m)) // m, 1, 15) for i in range(n)],
            }
        ),
        progress=False,
    )
    detector = rl.Divergence(by=("hs6",), across="importer", current="2023", base="2022")
    assert taken(lambda: detector.fit(ships)) < 10


def test_diversion_through_many_destinations_is_quick():
    n, m = 120_000, 6_000
    rng = np.random.default_rng(0)
    ships = rl.read(
        pl.DataFrame(
            {
                "date": np.datetime64("2015-01-01") + rng.integers(0, 2900, n),
                "hs": ["880622"] * n,
                "value": rng.lognormal(5, 1, n),
                "origin": [f"F{i % 5}" for i in range(n)],
                "destination": [f"F{i}" for i in rng.integers(5, m, n)],
            }
        ),
        progress=False,
    )
    detector = rl.Diversion(target="F7", event="2021-01-01")
    assert taken(lambda: rl.screen(ships, [detector], fdr=0.9, progress=False)) < 30


def test_mirror_gap_of_long_daily_flows_is_quick():
    days = 20_000
    day = np.datetime64("1960-01-01") + np.arange(days)
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "date": np.concatenate([day, day]),
            "reported_by": ["exporter"] * days + ["importer"] * days,
            "hs": ["880622"] * (2 * days),
            "origin": ["CN"] * (2 * days),
            "destination": ["DE"] * (2 * days),
            "value": rng.lognormal(5, 1, 2 * days),
        }
    )
    ships = rl.read(frame, progress=False)
    detector = rl.MirrorGap(every="day", by=("hs6", "origin", "destination"))
    assert taken(lambda: detector.fit_score(ships)) < 15


def test_a_reader_of_a_stream_uses_the_pool():
    script = """
    import arro3.core
    rl.set_threads(1)
    table = rl.UnitValue(min_peers=5).fit_score(rl.read(frame(200_000), progress=False))
    def name(task):
        try:
            return open(f"/proc/self/task/{task}/comm").read().strip()
        except OSError:  # it has ended meanwhile
            return ""
    names = lambda: sorted(filter(None, map(name, os.listdir("/proc/self/task"))))
    before = None
    while before != (before := names()):  # threads of other libraries may still be starting
        time.sleep(0.3)
    reader = arro3.core.RecordBatchReader.from_stream(table)
    rows = [batch.num_rows for batch in reader]
    assert sum(rows) == 200_000 and len(rows) > 1, rows
    begun_since = Counter(names()) - Counter(before)  # a thread of the set-up may end meanwhile
    assert not begun_since, (before, begun_since)
    assert [n for n in before if n.startswith("redlane")] == ["redlane-0"]
    begun, heard = time.time(), []
    threading.Thread(target=lambda: [heard.append(time.time()) or time.sleep(0.005) for _ in range(40)]).start()
    pieces = list(arro3.core.RecordBatchReader.from_stream(table))
    assert len(heard) > 1  # other threads of Python had their turn
    print("done")
    """
    code, out, err = run(MADE + script, 120)
    assert (code, out.split()) == (0, ["done"]), err


def test_every_way_to_read_scores_gives_the_same():
    duckdb = pytest.importorskip("duckdb")
    ships = rl.samples.shipments(150_000).ships
    table = rl.UnitValue().fit_score(ships)
    whole = table.to_polars()
    assert whole.equals(pl.DataFrame(table))
    assert whole.equals(pl.DataFrame(table.to_arrow()))
    assert table["reason"].to_pylist() == whole["reason"].to_list()
    counted = duckdb.connect().register("scores", table).sql("select count(reason), sum(row) from scores")
    assert counted.fetchall() == [(150_000, 150_000 * 149_999 // 2)]
    part = table.slice(65_000, 2_000)
    assert whole[65_000:67_000].equals(part.to_polars())
    assert arro3.core.Table.from_arrow(table.slice(5, 0)).num_rows == 0


@pytest.mark.parametrize("value", ["abc", "0", "-3", "1.5", "99999999", "9" * 40])
def test_a_wrong_number_of_threads_in_the_environment_is_told(value):
    script = """
    import redlane as rl
    try:
        rl.samples.shipments(10)
    except rl.errors.ArgumentError as error:
        print(error)
    rl.set_threads(2)
    print(len(rl.samples.shipments(10).ships))
    """
    code, out, err = run(script, 60, REDLANE_THREADS=value)
    assert code == 0, err
    told, rows = out.splitlines()
    assert "REDLANE_THREADS" in told
    assert value in told
    assert "1 to 1024" in told
    assert rows == "10"


@pytest.mark.parametrize("threads", [-1, 1025, 10**30])
def test_threads_out_of_range(threads):
    with pytest.raises(rl.errors.ArgumentError, match="threads="):
        rl.set_threads(threads)


EDGES = [-(10**40), -(2**63), -(2**31) - 1, -1, 0, 1, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**40, 1.5, "many", None]


@pytest.mark.parametrize("value", EDGES)
@pytest.mark.parametrize(
    ("detector", "name"),
    [
        (rl.UnitValue, "min_peers"),
        (rl.ValueWeight, "min_peers"),
        (rl.Repeats, "window"),
        (rl.Repeats, "tolerance"),
        (rl.Repeats, "band"),
        (rl.Digits, "min_values"),
        (rl.Digits, "min_products"),
        (rl.Isolation, "trees"),
        (rl.Isolation, "sample"),
        (rl.Isolation, "seed"),
        (rl.Surge, "min_periods"),
        (rl.Newcomer, "window"),
        (rl.Newcomer, "burn_in"),
        (rl.Newcomer, "dormant"),
        (rl.Newcomer, "min_peers"),
        (rl.MirrorGap, "max_lag"),
    ],
)
def test_numbers_at_the_edges_of_their_types(detector, name, value, few):
    told = name
    try:
        made = detector(**{name: value}).fit_score(few)
        assert len(made.to_pylist()) == len(made)
    except rl.errors.ArgumentError as error:
        told = str(error)
    assert name in told


@pytest.fixture(scope="module")
def few():
    return rl.samples.shipments(2_000).ships


@pytest.mark.parametrize("pattern", ["overvalued", "undervalued", "duplicate", "split", "mislabelled", "newcomer"])
@pytest.mark.parametrize("strength", [2.0**31, 2.0**64, 1e300, float("inf"), float("nan"), -5, 1, 10**400])
def test_strength_at_the_edges(pattern, strength, few):
    told = "strength"
    try:
        planted = rl.inject(few, pattern, n=3, strength=strength)
        assert len(planted.truth) >= 3
        values = planted.ships.to_polars()["value"]
        assert values.is_finite().all()
        assert len(values) == len(few)
    except rl.errors.ArgumentError as error:
        told = str(error)
    assert "strength" in told


@pytest.mark.parametrize("number", [-1, 2**32, 10**30, 0.5])
def test_numbers_of_anomalies_and_seeds_at_the_edges(number, few):
    with pytest.raises(rl.errors.ArgumentError, match="n="):
        rl.inject(few, "split", n=number)
    if number != 2**32:
        with pytest.raises(rl.errors.ArgumentError, match="seed="):
            rl.inject(few, "split", n=3, seed=number)


def test_a_weight_of_zero_is_no_weight():
    ships = rl.read(
        pl.DataFrame(
            {"hs": ["880622"] * 4, "value": [100.0, 200.0, 900.0, 50.0], "net_weight": [10.0, 20.0, 0.0, None]}
        ),
        progress=False,
    )
    found = ships.aggregate([], ["unit_value", "unit_value.median"]).to_pylist()
    assert found == [{"unit_value": 10.0, "unit_value_median": 10.0}]


@pytest.fixture(scope="module")
def unweighed(tmp_path_factory):
    n = 60
    frame = pl.DataFrame(
        {
            "HS": ["690721"] * n,
            "ORIGIN": ["CN"] * n,
            "DATE": [str(D(2023, 1, 1) + datetime.timedelta(i)) for i in range(n)],
            "VALUE": [1000.0 + i for i in range(n - 1)] + [90_000.0],
            "QUANTITY": [100] * n,
            "UNIT": ["PCE"] * n,
        }
    )
    path = tmp_path_factory.mktemp("unweighed") / "imports.csv"
    frame.write_csv(path)
    return str(path)


def test_without_a_weight_the_screen_takes_prices_by_quantity(unweighed):
    columns = {"quantity": "QUANTITY", "quantity_unit": "UNIT"}
    ships = rl.read(unweighed, columns=columns, progress=False)
    assert "net_weight" not in ships.roles
    findings = rl.screen(ships, progress=False)
    assert findings.table["subject"].to_pylist()[0] == "row 59"
    assert findings.notes == ["no column has the role net_weight: prices are values by quantity, within one unit"]
    assert findings.notes[0] in repr(findings)
    by_quantity = rl.UnitValue(measure="value/quantity").fit_score(ships)
    assert rl.UnitValue().fit_score(ships).to_pylist() == by_quantity.to_pylist()
    assert rl.screen(ships, [rl.UnitValue(measure="value/quantity")], progress=False).notes == []


def test_the_command_line_takes_a_measure(unweighed, capsys):
    from redlane.cli import main

    roles = ["--column", "quantity=QUANTITY", "--column", "quantity_unit=UNIT"]
    main(["screen", unweighed, *roles])
    shown = capsys.readouterr()
    assert "value per unit" in shown.out
    assert "prices are values by quantity, within one unit" in shown.err
    main(["screen", unweighed, *roles, "--measure", "value/quantity"])
    again = capsys.readouterr()
    assert (again.out, "note" in again.err or "prices are" in again.err) == (shown.out, False)
