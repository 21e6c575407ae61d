"""The detectors against their peers on the same numbers in the same run.

`python benches/detectors.py [name ...]` prints a table a detector and writes docs/benchmarks_detectors.md when all are
run. It needs pyod, isotree, scikit-learn and statsmodels; R with robustbase is used where it is found. Peers that
take minutes are measured on a part and scaled, which the table says.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import redlane as rl
from compare import ROUNDS, THREADS, alternate, shipments, timed

SMALLER = float(os.environ.get("REDLANE_BENCH_SCALE", 1))
LINES = []
NOTES = [
    "`ValueWeight` spends less than half of its time in the search for the line (about a dozen steps, then a few other lines). The rest",
    "is sorting and collecting the members, and the reweighted and the fair fit. Accuracy of the search, on 300 groups of 200 rows each",
    "for three kinds of data (a scale that grows with the weight; three in ten on another line; a quarter off to one side): it finds the",
    "optimum of the exhaustive search in 84, 91 and 96 of a hundred groups, and is 0.7, 0.5 and 0.02 % above it on average. `ltsReg` with",
    "its 500 starts finds it in 96, 99.7 and 89 of a hundred. On the four published data sets it reaches the sums of squares of `ltsReg`,",
    "and a lower one on `inttrade2`: 1,535,066,144 instead of 1,535,123,834.",
    "",
    "Why `Surge` misses its limits: it works in many short steps, such as medians of a few dozen values (a tenth of the time), and sorting",
    "them and scanning them (a fifth). From shipments it also aggregates, fits 640,000 flows and learns tails from all cells; the aggregate",
    "alone does only the first of these.",
    "",
    "MSTL of statsforecast, which needs pandas below 3, was measured in another environment. It takes over 100 times as long as `Surge`,",
    "including its forecast; it has no decomposition without one.",
]


def line(work, ours, others, wanted):
    """`others`: the seconds of a peer and the required ratio."""
    for name, seconds in others.items():
        LINES.append((work, f"{ours:.3g} s", f"{name} {seconds:.4g} s", f"{seconds / ours:.1f} x", wanted[name]))
        print(f"{work:58} redlane {ours:8.3f} s | {name} {seconds:.3f} s | {seconds / ours:.1f} x", flush=True)


def value_weight():
    """A loop of robust regressions, a group each, is measured on 200 groups and scaled."""
    import statsmodels.api as sm

    groups, size, part = int(134_000 * SMALLER), 200, 200
    rng = np.random.default_rng(0)
    weight = np.exp(rng.normal(4, 1, groups * size))
    price = np.repeat(np.exp(rng.normal(1, 1, groups)), size)
    value = weight * price * (1 + 0.1 * rng.standard_normal(groups * size)) + 5
    value[rng.random(groups * size) < 0.02] *= 4
    labels = np.array([f"{i:06}" for i in range(groups)])
    frame = pl.DataFrame(
        {"hs": pl.Series(labels)[np.repeat(np.arange(groups), size)], "value": value, "net_weight": weight}
    )
    ships = rl.read(frame)
    del frame
    xs, ys = weight[: part * size].reshape(part, size).copy(), value[: part * size].reshape(part, size).copy()
    del weight, value, price

    def rlm():
        for x, y in zip(xs, ys, strict=True):
            sm.RLM(y, sm.add_constant(x)).fit()

    sides = {
        "redlane": lambda: rl.ValueWeight(by=("hs",)).fit(ships),
        "fit and score": lambda: rl.ValueWeight(by=("hs",)).fit_score(ships)["score"],
        "statsmodels": rlm,
    }
    times = alternate(sides)
    whole = groups / part
    others = {"statsmodels RLM, scaled": times["statsmodels"] * whole}
    if shutil.which("Rscript"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.csv"
            pl.DataFrame({"g": np.repeat(np.arange(part), size), "x": xs.ravel(), "y": ys.ravel()}).write_csv(path)
            script = (
                f"suppressMessages(library(robustbase)); d <- read.csv('{path}'); s <- split(d, d$g); "
                "t <- system.time(for (g in s) ltsReg(g$x, g$y, alpha=.5))[['elapsed']]; cat(t)"
            )
            took = [
                float(subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True).stdout)
                for _ in range(3)
            ]
        others["R ltsReg, scaled"] = statistics.median(took) * whole
    wanted = {"statsmodels RLM, scaled": "300 x", "R ltsReg, scaled": "1,000 x"}
    line(f"ValueWeight, fit, {groups:,} groups of {size}", times["redlane"], others, wanted)
    line("the same, fit and score", times["fit and score"], others, wanted)


SQL_BACKOFF = """
with x as (select hs, origin, ln(value / net_weight) x, row_number() over () i from frame),
f as (select hs, origin, median(x) c, mad(x) s, count(x) n from x group by all),
p as (select hs, median(x) c, mad(x) s from x group by all)
select i, abs(x - if(n >= 20 and f.s > 0, f.c, p.c)) / (1.4826 * if(n >= 20 and f.s > 0, f.s, p.s)) z
from x join f using (hs, origin) join p using (hs)
"""


def unit_value():
    """Median, MAD and z with one level of back-off, from strings."""
    frame = shipments(int(10_000_000 * SMALLER))
    con = duckdb.connect(config={"threads": THREADS})
    con.register("frame", frame.to_arrow())
    x = (pl.col("value") / pl.col("net_weight")).log()

    def polars():
        fine_keys = ("hs", "origin")
        lazy = frame.lazy().with_columns(x=x)
        lazy = lazy.with_columns(
            c=pl.col("x").median().over(*fine_keys), pc=pl.col("x").median().over("hs"), n=pl.len().over(*fine_keys)
        )
        lazy = lazy.with_columns(
            s=(pl.col("x") - pl.col("c")).abs().median().over(*fine_keys),
            ps=(pl.col("x") - pl.col("pc")).abs().median().over("hs"),
        )
        fine = (pl.col("n") >= 20) & (pl.col("s") > 0)
        centre = pl.when(fine).then("c").otherwise("pc")
        scale = pl.when(fine).then("s").otherwise("ps")
        return lazy.select(z=(pl.col("x") - centre).abs() / (1.4826 * scale)).collect()

    def polars_joined():
        lazy = frame.lazy().with_columns(x=x)

        def level(*keys):
            return lazy.group_by(keys).agg(
                pl.col("x").median().alias("c"),
                (pl.col("x") - pl.col("x").median()).abs().median().alias("s"),
                pl.len().alias("n"),
            )

        both = lazy.join(level("hs", "origin"), on=["hs", "origin"], how="left").join(level("hs"), on="hs", suffix="_p")
        fine = (pl.col("n") >= 20) & (pl.col("s") > 0)
        centre = pl.when(fine).then("c").otherwise("c_p")
        scale = pl.when(fine).then("s").otherwise("s_p")
        return both.select(z=(pl.col("x") - centre).abs() / (1.4826 * scale)).collect()

    detector = rl.UnitValue(by=("hs", "origin"), backoff=(("hs",),))
    loaded = rl.read(frame)
    times = alternate(
        {
            "redlane": lambda: detector.fit_score(rl.read(frame))["score"],
            "loaded": lambda: detector.fit_score(loaded)["score"],
            "polars": polars,
            "polars, joins": polars_joined,
            "duckdb": lambda: con.sql(SQL_BACKOFF).to_arrow_table(),
        }
    )
    others = {name: times[name] for name in ("polars", "polars, joins", "duckdb")}
    best = min(others, key=others.get)
    line(f"UnitValue, one back-off, {len(frame):,} rows", times["redlane"], {best: others[best]}, {best: "5 x"})
    line("the same, loaded", times["loaded"], {best: others[best]}, {best: "-"})


def normal_table(rows, columns=10):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, columns))


def isolation():
    from isotree import IsolationForest as IsoTree
    from sklearn.ensemble import IsolationForest

    x = normal_table(int(1_000_000 * SMALLER))
    names = [f"x{i}" for i in range(x.shape[1])]
    frame = pl.DataFrame(x, schema=names)
    ships = rl.read(frame)
    times = alternate(
        {
            "redlane": lambda: rl.Isolation(columns=names).fit_score(ships)["score"],
            "isotree": lambda: IsoTree(ntrees=100, sample_size=256, ndim=1, nthreads=THREADS).fit(x).predict(x),
            "scikit-learn": lambda: (
                IsolationForest(n_estimators=100, n_jobs=THREADS, random_state=0).fit(x).score_samples(x)
            ),
        }
    )
    ours = times.pop("redlane")
    wanted = {"isotree": "2 x", "scikit-learn": "5 x"}
    line(f"Isolation, {len(x):,} rows, 10 columns, 100 trees", ours, times, wanted)


def ecod():
    from pyod.models.ecod import ECOD

    x = normal_table(int(1_000_000 * SMALLER))
    names = [f"x{i}" for i in range(x.shape[1])]
    ships = rl.read(pl.DataFrame(x, schema=names))
    detector = rl.Ecod(columns=names)
    times = alternate(
        {
            "redlane": lambda: rl.Ecod(columns=names).fit(ships),
            "fit and score": lambda: rl.Ecod(columns=names).fit_score(ships)["score"],
            "pyod": lambda: ECOD().fit(x),
        }
    )
    pyod = {"pyod": times["pyod"]}
    line(f"Ecod, fit, {len(x):,} rows, 10 columns", times["redlane"], pyod, {"pyod": "8 x"})
    line("the same, fit and score", times["fit and score"], pyod, {"pyod": "8 x"})
    detector.fit(ships)
    # What a row costs beyond a call: from the difference between many rows and one.
    many = rl.read(pl.DataFrame(x[:100_000], schema=names))
    one = rl.read(pl.DataFrame(x[:1], schema=names))
    call = statistics.median(timed(lambda: detector.score(one)["score"]) for _ in range(200))
    rl.set_threads(1)
    whole = statistics.median(timed(lambda: detector.score(many)["score"]) for _ in range(ROUNDS))
    rl.set_threads(THREADS)
    model = ECOD().fit(x)
    peer = timed(lambda: model.decision_function(x[:1]))
    print(f"Ecod, one row more: {1e6 * whole / 100_000:.2f} us of one core; a call with one row {1e6 * call:.0f} us")
    LINES.append(("Ecod, one new row, core", f"{1e6 * whole / 1e5:.2f} us", "-", "-", "10 us"))
    line("Ecod, one new row, a whole call", call, {"pyod": peer}, {"pyod": "-"})


def surge():
    """Seasonal decompositions, a series each, are measured on a part of the series and scaled."""
    from statsmodels.tsa.seasonal import STL

    series, months = int(200_000 * SMALLER), 48
    rng = np.random.default_rng(0)
    season = 0.3 * np.sin(2 * np.pi * (np.arange(months) / 12 + rng.random((series, 1))))
    y = np.exp(rng.normal(8, 1, (series, 1)) + season + 0.1 * rng.standard_normal((series, months)))
    dates = np.array([np.datetime64("2020-01") + i for i in range(months)], "datetime64[D]")
    names = pl.Series([f"{i:06}" for i in range(series)])
    frame = pl.DataFrame(
        {"series": names[np.repeat(np.arange(series), months)], "date": np.tile(dates, series), "value": y.ravel()}
    )
    ships = rl.read(frame)
    tenth = y[: series // 10]

    def ours():
        scores = rl.Surge(by=("series",)).fit_score(ships)
        return scores["score"], scores["p_value"]

    times = alternate({"redlane": ours, "stl": lambda: [STL(one, period=12).fit() for one in tenth]})
    others = {"statsmodels STL, scaled": 10 * times["stl"]}
    try:
        from statsforecast import StatsForecast, models

        part = frame.head(2_000 * months).rename({"series": "unique_id", "date": "ds", "value": "y"}).to_pandas()
        work = lambda: StatsForecast(models=[models.MSTL(season_length=12)], freq="MS").forecast(df=part, h=1)  # noqa: E731
        timed(work)  # compiles
        others["statsforecast MSTL, scaled"] = timed(work) * series / 2_000
    except ImportError:
        pass
    wanted = {"statsmodels STL, scaled": "50 x", "statsforecast MSTL, scaled": "5 x"}
    line(f"Surge, {series:,} monthly series of {months}", times["redlane"], others, wanted)

    frame = shipments(int(10_000_000 * SMALLER))
    loaded = rl.read(frame)
    keys = ["hs", "destination", "month"]

    def scored():
        scores = rl.Surge(by=("hs", "destination")).fit_score(rl.read(frame))
        return scores["score"], scores["p_value"]

    times = alternate({"scored": scored, "aggregate": lambda: rl.read(frame).aggregate(keys, ["value"]).to_arrow()})
    flows = len(loaded.aggregate(["hs", "destination"], "shipments"))
    ratio = times["scored"] / times["aggregate"]
    work = f"{len(frame):,} shipments to {flows:,} scored flows hs x destination x month"
    LINES.append(
        (
            work,
            f"{times['scored']:.3g} s",
            f"aggregate {times['aggregate']:.3g} s",
            f"takes {ratio:.1f} times",
            "1.5 times",
        )
    )
    print(work, times, f"{ratio:.2f} times")


WORK = {"surge": surge, "value_weight": value_weight, "unit_value": unit_value, "isolation": isolation, "ecod": ecod}


def main():
    rl.set_threads(THREADS)
    wanted = sys.argv[1:] or list(WORK)
    for name in wanted:
        WORK[name]()
    if not sys.argv[1:]:
        write()


def write():
    cores = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {THREADS} threads"
    text = [
        "# Benchmarks of the detectors",
        "",
        f"`python benches/detectors.py`: medians of {ROUNDS} rounds in which the sides take turns; {cores}; "
        f"redlane {rl.__version__}. Loops over groups were measured on 200 groups and scaled.",
        "",
        "| work | redlane | peer | faster by | wanted |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in LINES),
        "",
        *NOTES,
        "",
    ]
    Path(__file__).parent.parent.joinpath("docs", "benchmarks_detectors.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
