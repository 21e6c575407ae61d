"""Are small p-values as rare as they should be, and are wrong prices found?

`python benches/calibration.py null|planted [ROWS] [SEEDS]` prints a table for `UnitValue` over the laws of natural log
prices, sizes of groups and differences of scales below. The oracle knows the centre and scale of each group and the
law.

- null: nothing is planted; the share of p-values below 0.01 and 0.001, as multiples of nominal.
- planted: a share of the prices is wrong. The realised false discovery rate at 0.05, and the wrong prices found as a
  share of those that the oracle finds.
"""

import sys

import numpy as np
import polars as pl
import redlane as rl
from scipy import stats

SPREAD = 0.3  # the standard deviation of natural log prices in a usual group
ROOT = np.sqrt(2)


def mixed(share, times):
    """A share of the records varies this many times as much as the others."""

    def draw(rng, n):
        return np.where(rng.random(n) < share, rng.normal(0, times, n), rng.normal(0, 1, n))

    def p_value(x):
        return 2 * ((1 - share) * stats.norm.sf(abs(x)) + share * stats.norm.sf(abs(x) / times))

    return draw, p_value


def gamma_p(x):
    shifted = x * ROOT + 2
    return 2 * np.minimum(stats.gamma.sf(shifted, 2), stats.gamma.cdf(shifted, 2))


LAWS = {
    "normal": (lambda rng, n: rng.normal(0, 1, n), lambda x: 2 * stats.norm.sf(abs(x))),
    "student": (lambda rng, n: rng.standard_t(4, n), lambda x: 2 * stats.t.sf(abs(x), 4)),
    "mixture": mixed(0.1, 3),
    "slightly mixed": mixed(0.05, 2),
    "skewed": (lambda rng, n: (rng.gamma(2, 1, n) - 2) / ROOT, gamma_p),
    "laplace": (lambda rng, n: rng.laplace(0, 1 / ROOT, n), lambda x: np.exp(-abs(x) * ROOT)),
    "logistic": (
        lambda rng, n: rng.logistic(0, np.sqrt(3) / np.pi, n),
        lambda x: 2 * stats.logistic.sf(abs(x), 0, np.sqrt(3) / np.pi),
    ),
}


def zipf(rows):
    shares = 1 / np.arange(1, rows // 30 + 1)
    return np.maximum((shares / shares.sum() * rows).astype(int), 20)


SIZES = {
    "30": lambda rows: np.full(rows // 30, 30),
    "200": lambda rows: np.full(rows // 200, 200),
    "Zipf": zipf,
    "25 and 5,000": lambda rows: np.r_[np.full(rows // 50, 25), np.full(max(1, rows // 10_000), 5_000)],
}
SCATTERS = (0.0, 0.35)  # the standard deviation of the log scales of groups
SHARES = (0.001, 0.005, 0.01, 0.02, 0.03, 0.05)
ERRORS = {
    "both ways": lambda rng, n: np.log(rng.uniform(3, 10, n)) * rng.choice([-1, 1], n),
    "low": lambda rng, n: -np.log(rng.uniform(3, 10, n)),
    "units": lambda rng, n: np.log(1_000) * rng.choice([-1, 1], n),
}


def found(p, rate=0.05):
    """What Benjamini and Hochberg (1995) find."""
    return rl.fdr(p) <= rate


def p_values(law, sizes, scatter, share, errors, seed, rows):
    """p-values of `UnitValue`, those of the oracle, and which prices are wrong."""
    rng = np.random.default_rng(seed)
    many = sizes(rows)
    group = np.repeat(np.arange(len(many)), many)
    scale = SPREAD * np.exp(rng.normal(0, scatter, len(many)))[group]
    draw, oracle = LAWS[law]
    noise = draw(rng, len(group)) * scale
    wrong = np.zeros(len(group), bool)
    wrong[rng.choice(len(group), round(share * len(group)), replace=False)] = True
    noise[wrong] += errors(rng, wrong.sum())
    names = np.char.zfill(group.astype(str), 6)
    ships = rl.read(
        pl.DataFrame({"hs": names, "net_weight": np.ones(len(group)), "value": np.exp(3 + noise)}), progress=False
    )
    scores = rl.UnitValue(by=("hs",), backoff=(), min_peers=10).fit_score(ships, progress=False)
    return np.asarray(pl.DataFrame(scores)["p_value"].fill_null(1.0)), oracle(noise / scale), wrong


def null(rows, seeds):
    print("| law | groups of | scales differ by | p < 0.01 | p < 0.001 |\n| --- | --- | --- | --- | --- |")
    for law in LAWS:
        for name, sizes in SIZES.items():
            for scatter in SCATTERS:
                p = np.concatenate([p_values(law, sizes, scatter, 0, ERRORS["low"], s, rows)[0] for s in range(seeds)])
                rates = " | ".join(f"{(p < level).mean() / level:.2f}" for level in (0.01, 0.001))
                print(f"| {law} | {name} | {scatter} | {rates} |", flush=True)


def planted(rows, seeds):
    print("| law | groups of | scales differ by | wrong | errors | realised rate | found of the oracle's |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for law in LAWS:
        for name, sizes in SIZES.items():
            for scatter in SCATTERS:
                for share in SHARES:
                    for kind, errors in ERRORS.items():
                        rate, ours, oracles = [], 0, 0
                        for seed in range(seeds):
                            p, oracle, wrong = p_values(law, sizes, scatter, share, errors, seed, rows)
                            hit = found(p)
                            rate.append((hit & ~wrong).sum() / max(hit.sum(), 1))
                            ours += (hit & wrong).sum()
                            oracles += (found(oracle) & wrong).sum()
                        ratio = f"{ours / oracles:.2f}" if oracles >= 0.5 * share * rows * seeds else "-"
                        print(
                            f"| {law} | {name} | {scatter} | {share:.1%} | {kind} | {np.mean(rate):.3f} | {ratio} |",
                            flush=True,
                        )


def main():
    task = {"null": null, "planted": planted}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if task is None:
        sys.exit(__doc__)
    numbers = [int(text) for text in sys.argv[2:4]]
    task(*(numbers + [60_000, 2][len(numbers) :]))


if __name__ == "__main__":
    main()
