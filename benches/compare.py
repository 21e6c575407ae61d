"""The benchmark: redlane against polars and DuckDB on the same table in the same run.

`make bench` prints the table and writes it to docs/benchmarks.md. Sides alternate and medians are compared;
REDLANE_BENCH_ROWS and REDLANE_BENCH_ROUNDS make it smaller.
"""

import gc
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import redlane as rl

ROWS = int(os.environ.get("REDLANE_BENCH_ROWS", 10_000_000))
ROUNDS = int(os.environ.get("REDLANE_BENCH_ROUNDS", 5))
THREADS = 2


def shipments(n: int) -> pl.DataFrame:
    """5,000 HS codes, 200 x 200 countries, 300,000 firms, all of Zipf sizes, and 48 months."""
    rng = np.random.default_rng(0)
    hs = np.array([f"{c:02}{i:04}" for c in range(1, 101) for i in range(50)])
    countries = np.array([f"{chr(65 + i // 26)}{chr(65 + i % 26)}{i:03}" for i in range(200)])
    firms = np.array([f"{'Trading Company' if i % 3 else 'Фирма'} {i:06}" for i in range(300_000)])
    starts = np.array([f"{y}-{m:02}-01" for y in range(2020, 2024) for m in range(1, 13)], dtype="datetime64[D]")
    pick = rng.integers

    def zipf(labels):
        share = 1 / np.arange(1, len(labels) + 1)
        return rng.permutation(len(labels))[rng.choice(len(labels), n, p=share / share.sum())]

    code = zipf(hs)
    weight = np.round(np.exp(rng.normal(5, 2, n)), 2) + 0.01
    price = np.exp(rng.normal(0, 0.4, n) + np.log(1 + code % 97))
    return pl.DataFrame(
        {
            "hs": pl.Series(hs)[code],
            "origin": pl.Series(countries)[zipf(countries)],
            "destination": pl.Series(countries)[zipf(countries)],
            "importer": pl.Series(firms)[zipf(firms)],
            "date": pl.Series(starts[pick(0, 48, n)] + pick(0, 28, n)),
            "value": np.round(weight * price, 2),
            "net_weight": weight,
        }
    )


def timed(work):
    gc.collect()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    del result
    return seconds


def alternate(sides):
    times = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, work in sides.items():
            times[name].append(timed(work))
    return {name: statistics.median(t) for name, t in times.items()}


def groups_of(frame):
    return frame.group_by("hs", "origin", "destination", pl.col("date").dt.truncate("1mo").alias("month"))


SUMS = [pl.len(), pl.col("value").sum(), pl.col("net_weight").sum()]
UV = pl.col("value") / pl.col("net_weight")
SQL_KEYS = "hs, origin, destination, date_trunc('month', date) as month"
SQL_Z = """
with x as (select hs, origin, ln(value / net_weight) x, row_number() over () i from frame),
m as (select hs, origin, median(x) c, mad(x) s from x group by all)
select i, abs(x - c) / (1.4826 * s) z from x join m using (hs, origin)
"""


def duck(sql, frame):
    """The result as an Arrow table: the rows themselves, as the other sides give them."""
    con = duckdb.connect(config={"threads": THREADS})
    con.register("frame", frame.to_arrow())
    return lambda: con.sql(sql).to_arrow_table()


def polars_z(frame):
    """Windows by group, in the engine that runs common parts once."""
    group = ("hs", "origin")
    lazy = frame.lazy().with_columns(x=UV.log())
    lazy = lazy.with_columns(d=(pl.col("x") - pl.col("x").median().over(group)).abs())
    return lazy.select(z=pl.col("d") / (1.4826 * pl.col("d").median().over(group))).collect()


def polars_median_mad(frame):
    uv = frame.with_columns(u=UV)
    return groups_of(uv).agg(
        *SUMS, pl.col("u").median().alias("median"), (pl.col("u") - pl.col("u").median()).abs().median().alias("mad")
    )


def score(ships):
    return rl.UnitValue(by=("hs", "origin"), backoff=(), min_peers=3).fit_score(ships)["score"]


def table(ships, measures):
    """The result with its labels, which redlane looks up when they are read, as an Arrow table like DuckDB's."""
    return ships.aggregate(KEYS, measures).to_arrow()


KEYS = ["hs", "origin", "destination", "month"]
ASK = ["shipments", "value", "net_weight"]
ROBUST = [*ASK, "unit_value.median", "unit_value.mad"]


def line(rows, work, target, times):
    ours = times.pop("redlane")
    rival, best = min(times.items(), key=lambda item: item[1])
    others = ", ".join(f"{name} {t:.2f} s" for name, t in times.items())
    rows.append((work, f"{ours:.2f} s", others, f"{best / ours:.1f} x ({rival})", target))
    print(f"{work:60} redlane {ours:6.2f} s | {others} | {best / ours:.1f} x, wanted {target}", flush=True)


PEAK = """
import sys, redlane as rl

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak()
ships = rl.read(sys.argv[1])
ships.aggregate(["hs", "origin", "destination", "month"], ["shipments", "value", "net_weight"])
print(peak(), before)
"""


def again(frame, rows):
    """The same computations on loaded shipments."""
    loaded = rl.read(frame)
    categorical = frame.with_columns(pl.col("hs", "origin", "destination", "importer").cast(pl.Categorical))
    loaded.aggregate(KEYS, ASK)
    line(
        rows,
        "sums again, loaded, against polars categoricals",
        "5 x",
        alternate(
            {
                "redlane": lambda: table(loaded, ASK),
                "polars": lambda: groups_of(categorical).agg(SUMS),
            }
        ),
    )
    line(
        rows,
        "median and MAD again, loaded, against polars categoricals",
        "5 x",
        alternate(
            {
                "redlane": lambda: table(loaded, ROBUST),
                "polars": lambda: polars_median_mad(categorical),
            }
        ),
    )
    line(
        rows,
        "robust z again, loaded, against polars categoricals",
        "5 x",
        alternate(
            {
                "redlane": lambda: score(loaded),
                "polars": lambda: polars_z(categorical),
            }
        ),
    )


def main():
    rl.set_threads(THREADS)
    print(f"{ROWS:,} rows, {ROUNDS} rounds, {THREADS} threads", flush=True)
    frame = shipments(ROWS)
    rows = []
    sums = f"select {SQL_KEYS}, count(*), sum(value), sum(net_weight) from frame group by all"
    robust = (
        f"select {SQL_KEYS}, count(*), sum(value), sum(net_weight), median(value / net_weight), mad(value / net_weight) "
        "from frame group by all"
    )
    line(
        rows,
        "sums by hs, origin, destination, month",
        "3 x",
        alternate(
            {
                "redlane": lambda: table(rl.read(frame), ASK),
                "polars": lambda: groups_of(frame).agg(SUMS),
                "duckdb": duck(sums, frame),
            }
        ),
    )
    line(
        rows,
        "the same with median and MAD of the unit value",
        "5 x",
        alternate(
            {
                "redlane": lambda: table(rl.read(frame), ROBUST),
                "polars": lambda: polars_median_mad(frame),
                "duckdb": duck(robust, frame),
            }
        ),
    )
    line(
        rows,
        "robust z of the log unit value within hs x origin",
        "7 x",
        alternate(
            {
                "redlane": lambda: score(rl.read(frame)),
                "polars": lambda: polars_z(frame),
                "duckdb": duck(SQL_Z, frame),
            }
        ),
    )
    again(frame, rows)
    with tempfile.TemporaryDirectory() as folder:
        parquet, csv = Path(folder) / "x.parquet", Path(folder) / "x.csv"
        frame.write_parquet(parquet)
        frame.write_csv(csv)
        arrow = frame.estimated_size() / 2**20
        line(
            rows,
            "read Parquet",
            "1 x",
            alternate(
                {
                    "redlane": lambda: rl.read(parquet),
                    "polars": lambda: pl.read_parquet(parquet),
                }
            ),
        )

        def duck_csv():
            con = duckdb.connect(config={"threads": THREADS})
            con.execute(f"create table t as from read_csv('{csv}')")
            return con

        line(rows, "read CSV", "1 x", alternate({"redlane": lambda: rl.read(csv), "duckdb": duck_csv}))
        memory = []
        for path in (parquet, csv):
            environment = {**os.environ, "REDLANE_THREADS": str(THREADS)}
            out = subprocess.run(
                [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True, env=environment
            )
            peak, before = (int(x) / 1024 for x in out.stdout.split())
            memory.append((path.suffix[1:], peak - before, 2 * arrow + 200))
            print(
                f"peak memory, {path.suffix[1:]}: {peak - before:,.0f} MB; allowed {2 * arrow + 200:,.0f} MB",
                flush=True,
            )
    write(rows, memory, arrow)


def write(rows, memory, arrow):
    cpu = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    text = [
        "# Benchmarks",
        "",
        f"`make bench`: {ROWS:,} shipments of 5,000 HS codes, 200 x 200 countries, 300,000 firms and 48 months (7.4 million groups by code, countries and month); medians of "
        f"{ROUNDS} rounds in which the sides take turns; {THREADS} threads. Times are from the polars table in memory, whose "
        "strings are string views, to the result; encoding the strings is inside, except where the shipments are loaded. "
        "redlane and DuckDB hand over their results as Arrow tables.",
        "",
        f"redlane {rl.__version__}, polars {pl.__version__}, DuckDB {duckdb.__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {cpu}, {os.cpu_count()} cores.",
        "",
        "| work | redlane | others | faster than the better one by | wanted |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        "Peak memory of reading a file and one aggregate, beyond the interpreter:",
        "",
        "| file | peak | allowed (twice the Arrow size and 200 MB) |",
        "| --- | --- | --- |",
        *(f"| {kind} | {peak:,.0f} MB | {allowed:,.0f} MB |" for kind, peak, allowed in memory),
        "",
        f"The Arrow size of the columns, as polars holds them, is {arrow:,.0f} MB.",
        "",
    ]
    Path(__file__).parent.parent.joinpath("docs", "benchmarks.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
