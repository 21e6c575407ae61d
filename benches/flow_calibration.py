"""Null rates, false discovery rates and power of MirrorGap, Divergence and Diversion on generated flows.

    python benches/flow_calibration.py [gap] [change] [divergence] [diversion] [--seeds 4]

The generators are in tests/made_flows.py. The oracle knows the centre, the scale and the law of every cell.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl
import redlane as rl
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import made_flows as made

LEVELS = (0.05, 0.01, 0.001)
SCALED = {"normal": stats.norm, "student": stats.t(5, scale=np.sqrt(3 / 5)), "laplace": stats.laplace(scale=0.5**0.5)}


def scored(detector, frame):
    return detector.fit_score(rl.read(frame)).to_polars()


def discoveries(table):
    return np.array([q is not None and q <= 0.05 for q in rl.fdr(table["p_value"].to_list())])


def null(name, p):
    p = p.drop_nulls().to_numpy()
    rates = "  ".join(f"{(p < level).mean() / level:5.2f}" for level in LEVELS)
    return f"{name:52} {len(p):8} {rates}"


def row(name, fdp, power, oracle=None):
    known = "" if oracle is None else f"  oracle {np.mean(oracle):.2f}"
    return f"{name:52} realised rate {np.mean(fdp):.3f}  power {np.mean(power):.2f}{known}"


def found(table, truth, on):
    """The false discovery proportion and the share of the truth that is found."""
    hit = discoveries(table)
    known = table.select(on).with_row_index().join(truth.select(on).unique(), on=on, how="inner")["index"].to_numpy()
    is_true = np.zeros(len(table), bool)
    is_true[known] = True
    return (hit & ~is_true).sum() / max(1, hit.sum()), (hit & is_true).sum() / max(1, is_true.sum()), hit.sum()


CELL = ["hs6", "origin", "destination", "period"]


def gap(seeds):
    print("MirrorGap: share of p-values below 0.05, 0.01, 0.001 over nominal")
    records = [
        ("perfect", {"scatter": 0.0}),
        ("scatter 0.1, normal", {"scatter": 0.1}),
        ("scatter 0.3, Student", {"scatter": 0.3, "law": "student"}),
        ("scatter 0.1, Pareto values, 8 % missing", {"scatter": 0.1, "value": "pareto", "missing": 0.08}),
        ("scatter 0.1, 0.5 % missing", {"scatter": 0.1, "missing": 0.005}),
    ]
    customs = [
        ("perfect, lags with a long tail", {"scatter": 0.0, "dropped": 0.0}),
        ("perfect, lags of 5 to 24 days", {"scatter": 0.0, "dropped": 0.0, "late": False}),
        ("normal, no single record missing", {"dropped": 0.0}),
        ("Laplace", {"law": "laplace"}),
    ]
    statistics = [
        ("scatter 0.15, normal", {"scatter": 0.15}),
        ("scatter 0.4, Student", {"scatter": 0.4, "law": "student"}),
        ("scatter 0.4, Laplace, 1 % missing", {"scatter": 0.4, "law": "laplace", "missing": 0.01}),
    ]
    for kind, cases, detector in (
        ("records", records, lambda: rl.MirrorGap()),
        ("customs", customs, lambda: rl.MirrorGap()),
        ("statistics", statistics, lambda: rl.MirrorGap(every="month")),
    ):
        generate = {
            "records": made.mirrored_records,
            "customs": made.customs,
            "statistics": made.mirrored_statistics,
        }[kind]
        for name, options in cases:
            tables = [scored(detector(), generate(np.random.default_rng(s), **options)[0]) for s in range(seeds)]
            print(null(f"{kind}: {name}", pl.concat([t["p_value"] for t in tables])))
            false = [discoveries(t).sum() for t in tables]
            print(f"{'':52} false findings {[int(f) for f in false]}")
            for planted in (0.003, 0.01, 0.05):
                fdp, power, oracle = [], [], []
                for s in range(seeds):
                    made_ = generate(np.random.default_rng(100 + s), planted=planted, factor=4.0, **options)
                    frame, truth = made_[0], made_[1]
                    table = scored(detector(), frame)
                    one = found(table, truth, CELL)
                    fdp.append(one[0])
                    power.append(one[1])
                    if kind == "statistics":
                        oracle.append(oracle_power(truth, len(table), np.log(4), options.get("law", "normal")))
                print(row(f"{kind}: {name}, {planted:.1%} planted x 4", fdp, power, oracle or None), flush=True)


def oracle_power(truth, n, size, law, level=0.05):
    """The power of Benjamini and Hochberg where the truth's p-values come from its own law, and the rest are uniform."""
    rng = np.random.default_rng(0)
    z = size / truth["sd"].to_numpy() + made.noise(rng, law, len(truth))
    p = 2 * SCALED[law].sf(np.abs(z))
    every = np.concatenate([p, rng.uniform(size=max(0, n - len(p)))])
    order = np.sort(every)
    below = np.flatnonzero(order <= level * np.arange(1, len(order) + 1) / len(order))
    return (p <= order[below[-1]]).mean() if len(below) else 0.0


def change(seeds):
    print("MirrorGap(test='change')")
    for name, options in [
        ("normal, no memory", {"scatter": 0.3}),
        ("Student, memory 0.6", {"scatter": 0.4, "law": "student", "memory": 0.6}),
        ("Laplace, memory 0.8, 5 % missing", {"scatter": 0.3, "law": "laplace", "memory": 0.8, "missing": 0.05}),
    ]:
        for every in ("month", "quarter"):
            detector = lambda: rl.MirrorGap(every=every, test="change")  # noqa: E731
            tables = [
                scored(detector(), made.mirrored_statistics(np.random.default_rng(s), **options)[0])
                for s in range(3 * seeds)
            ]
            print(null(f"{name}, {every}", pl.concat([t["p_value"] for t in tables])))
            for move in (0.7, 1.58):
                fdp, power, dated = [], [], []
                for s in range(seeds):
                    frame, _, truth = made.mirrored_statistics(
                        np.random.default_rng(100 + s), moved=0.05, move=move, **options
                    )
                    table = scored(detector(), frame)
                    one = found(table, truth, ["origin", "destination"])
                    fdp.append(one[0])
                    power.append(one[1])
                    both = table.join(truth, on=["origin", "destination"], suffix="_true")
                    dated.append(((both["since"] - both["since_true"]).dt.total_days().abs() <= 95).mean())
                print(
                    row(f"{name}, {every}, 5 % moved by {move}", fdp, power), f" dated {np.mean(dated):.2f}", flush=True
                )


PAIR = ["hs6", "destination"]


def divergence(seeds):
    print("Divergence: share of p-values below 0.05, 0.01, 0.001 over nominal")
    for name, options in [
        ("scatter 0.2, normal", {"scatter": 0.2}),
        ("scatter 0.5, normal", {"scatter": 0.5}),
        ("scatter 0.8, Student", {"scatter": 0.8, "law": "student"}),
        ("scatter 0.4, Laplace, Pareto values", {"scatter": 0.4, "law": "laplace", "value": "pareto"}),
        ("scatter 0.4, thin", {"scatter": 0.4, "busy": 1.0}),
        ("scatter 0.4, 12 products", {"scatter": 0.4, "products": 12}),
    ]:
        detector = lambda: rl.Divergence(current="2022", base="2021")  # noqa: E731
        tables = [scored(detector(), made.grown(np.random.default_rng(s), **options)[0]) for s in range(seeds)]
        print(null(name, pl.concat([t["p_value"] for t in tables])))
        for planted in (0.01, 0.05):
            fdp, power, oracle, order = [], [], [], []
            for s in range(seeds):
                frame, truth = made.grown(np.random.default_rng(100 + s), planted=planted, **options)
                table = scored(detector(), frame)
                one = found(table, truth.filter("planted"), PAIR)
                fdp.append(one[0])
                power.append(one[1])
                # The share of the planted pairs that the same number of findings, in order of score, would hold.
                ranked = table.sort("score", descending=True, nulls_last=True).head(int(truth["planted"].sum()))
                order.append(len(ranked.join(truth.filter("planted"), on=PAIR)) / max(1, truth["planted"].sum()))
                oracle.append(
                    oracle_power(truth.filter("planted"), len(table), np.log(8), options.get("law", "normal"))
                )
            print(
                row(f"{name}, {planted:.0%} planted x 8", fdp, power, oracle),
                f" by order {np.mean(order):.2f}",
                flush=True,
            )


def diversion(seeds):
    print("Diversion: share of p-values below 0.05, 0.01, 0.001 over nominal")
    for name, options, windows in [
        ("rerouted, shocks in common and jumps", {"generate": made.rerouted}, {"origins": ("OO",)}),
        (
            "rerouted, normal, no jumps",
            {"generate": made.rerouted, "jumps": 0.0, "law": "normal"},
            {"origins": ("OO",)},
        ),
        ("all products fall, calendar years", {}, {}),
        ("half fall, calendar years", {"share": 0.5}, {}),
        (
            "all fall, months next to the event",
            {"walk": 0.1},
            {"before": ("2021-03", "2022-02"), "after": ("2022-03", "2023-02")},
        ),
        ("all fall, Pareto values", {"value": "pareto"}, {}),
        ("all fall, 20 products", {"products": 20}, {}),
    ]:
        settings = {"target": "TT", "event": "2022-03-01", "origins": ("OA", "OB", "OC")} | windows
        detector = lambda: rl.Diversion(**settings)  # noqa: E731
        generate = options.pop("generate", made.sanctioned)
        tables = [scored(detector(), generate(np.random.default_rng(s), **options)[0]) for s in range(seeds)]
        print(null(name, pl.concat([t["p_value"] for t in tables])))
        for planted in (0.02, 0.05):
            fdp, power, order = [], [], []
            for s in range(seeds):
                frame, truth = generate(np.random.default_rng(100 + s), planted=planted, **options)
                table = scored(detector(), frame)
                one = found(table, truth, ["hs6", "through"])
                fdp.append(one[0])
                power.append(one[1])
                ranked = table.sort("score", descending=True, nulls_last=True).head(len(truth))
                order.append(len(ranked.join(truth, on=["hs6", "through"])) / max(1, len(truth)))
            print(row(f"{name}, {planted:.0%} planted x 5", fdp, power), f" by order {np.mean(order):.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=4)
    chosen = parser.parse_args()
    for which in chosen.which or ["gap", "change", "divergence", "diversion"]:
        globals()[which](chosen.seeds)
