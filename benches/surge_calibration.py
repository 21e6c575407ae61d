"""Null rates, false discovery rates and power of Surge on generated flows.

    python benches/surge_calibration.py [null] [walk] [shift] [spike] [thin] [later] [sample] [--seeds 4] [--flows 2500]

The first generator makes one value a month, with noise of any law on logarithms. The second makes single shipments,
thin and busy flows together. The third makes flows that trade and rest in turn.
"""

import argparse

import numpy as np
import polars as pl
import redlane as rl

START = np.datetime64("2010-01")
LEVELS = (0.05, 0.01, 0.001)


def noise(rng, law, size):
    """Noise with a standard deviation of about one."""
    return {
        "normal": lambda: rng.standard_normal(size),
        "student": lambda: rng.standard_t(4, size) / np.sqrt(2),
        "laplace": lambda: rng.laplace(0, np.sqrt(0.5), size),
        "gumbel": lambda: (rng.gumbel(0, 1, size) - np.euler_gamma) * np.sqrt(6) / np.pi,
    }[law]()


def dependent(rng, flows, n, rho, law="normal"):
    """First-order autoregressions. `rho` is a number, or one for each flow."""
    rho = np.broadcast_to(rho, (flows,))
    x = noise(rng, law, (flows, n))
    for t in range(1, n):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


def logs(
    rng,
    flows,
    n,
    law="normal",
    sd=0.3,
    rho=0.0,
    season=0.0,
    drift=0.0,
    drifting=1.0,
    walk=0.0,
    unlike=0.0,
    ma=0.0,
    bent=0.0,
):
    """Logarithms of one value a month.

    `drift` is the standard deviation of the change from the first to the last month, `walk` that of the steps of a random
    walk, in those of the noise; flows differ in the logarithm of the latter by `unlike`.
    """
    if isinstance(rho, tuple):
        rho = rng.choice(rho, flows)
    t = np.arange(n)
    x = dependent(rng, flows, n, rho, law)
    if ma:
        x[:, 1:] = (x[:, 1:] + ma * x[:, :-1]) / np.hypot(1, ma)
    spread = sd * np.exp(0.3 * rng.standard_normal((flows, 1)))
    months = season * rng.standard_normal((flows, 12))
    drifts = drift * rng.standard_normal((flows, 1)) * (rng.random((flows, 1)) < drifting)
    bow = bent * rng.standard_normal((flows, 1)) * ((2 * t / n - 1) ** 2 - 1 / 3)
    walks = walk * spread * rng.standard_normal((flows, n)).cumsum(1)
    if unlike:
        walks *= np.exp(unlike * rng.standard_normal((flows, 1)))
    return spread * x + np.tile(months, n // 12 + 1)[:, :n] + drifts * (t / n - 0.5) + bow + walks


def busy(log_values, **_):
    flows, n = log_values.shape
    flow, month = np.divmod(np.arange(flows * n), n)
    return table(flow, month, np.exp(10 + log_values).ravel())


def shipments(rng, flows, n, rate=0.0, spread=1.5, size=1.0, value="lognormal", changed=None, **options):
    """Single shipments. `rate` and `spread` are mean and standard deviation of the ln of their number a month."""
    level = rate + spread * rng.standard_normal((flows, 1))
    expected = np.exp(np.minimum(level + logs(rng, flows, n, **options) + (0 if changed is None else changed), 7))
    counts = rng.poisson(expected)
    flow, month = np.nonzero(counts)
    many = counts[flow, month]
    total = many.sum()
    values = (
        np.exp(8 + size * rng.standard_normal(total)) if value == "lognormal" else 3000 * (1 + rng.pareto(1.6, total))
    )
    return table(np.repeat(flow, many), np.repeat(month, many), values)


def resting(rng, flows, n, share=0.4, keeps=0.5, size=1.0, changed=None, **options):
    """One value in a month of trade, none in a month of rest. `keeps` is the correlation of trading with the month before."""
    active = np.zeros((flows, n), bool)
    shares = np.clip(share + 0.15 * rng.standard_normal(flows), 0.05, 0.95)
    active[:, 0] = rng.random(flows) < shares
    for t in range(1, n):
        stays = rng.random(flows) < keeps
        active[:, t] = np.where(stays, active[:, t - 1], rng.random(flows) < shares)
    values = size * rng.standard_normal((flows, n)) + logs(rng, flows, n, **options)
    flow, month = np.nonzero(active)
    return table(flow, month, np.exp(9 + values[flow, month]))


def table(flow, month, value):
    days = (START + np.asarray(month)).astype("datetime64[D]")
    return rl.read(pl.DataFrame({"flow": np.char.mod("%05d", flow), "date": days, "value": value}), progress=False)


def tested(ships, **more):
    """The flows with a p-value, and these."""
    rows = rl.Surge(by=("flow",), **more).fit_score(ships).to_polars()
    rows = rows.filter(pl.col("p_value").is_not_null()).group_by("flow").agg(pl.col("p_value").min()).sort("flow")
    return rows["flow"].cast(int).to_numpy(), rows["p_value"].to_numpy()


def found(flow, p):
    return {int(f) for f, q in zip(flow, rl.fdr(list(p)), strict=True) if q <= 0.05}


NULL = [
    ("normal", "busy", 48, {}),
    ("normal, 24 months", "busy", 24, {}),
    ("normal, 120 months", "busy", 120, {}),
    ("Student-t 4", "busy", 48, {"law": "student"}),
    ("Laplace", "busy", 60, {"law": "laplace"}),
    ("Gumbel", "busy", 48, {"law": "gumbel"}),
    ("season", "busy", 48, {"season": 0.3}),
    ("season, 30 months", "busy", 30, {"season": 0.3}),
    ("drift", "busy", 48, {"drift": 0.5}),
    ("strong drift, a fifth of the flows", "busy", 60, {"drift": 1.5, "drifting": 0.2}),
    ("AR 0.3", "busy", 36, {"rho": 0.3}),
    ("AR 0.6", "busy", 48, {"rho": 0.6}),
    ("AR 0.6, Student-t 4, season", "busy", 60, {"rho": 0.6, "law": "student", "season": 0.3}),
    ("AR 0 or 0.6", "busy", 60, {"rho": (0.0, 0.6)}),
    ("AR 0.3, drift, season", "busy", 60, {"rho": 0.3, "drift": 0.8, "season": 0.2}),
    ("moving average 0.8", "busy", 48, {"ma": 0.8}),
    ("shipments", "shipments", 48, {}),
    ("shipments, Pareto values", "shipments", 60, {"value": "pareto"}),
    ("shipments, AR 0.6, season", "shipments", 60, {"rho": 0.6, "season": 0.3}),
    ("thin", "shipments", 48, {"rate": -1.5, "spread": 0.7}),
    ("thin, drift", "shipments", 60, {"rate": -1.0, "spread": 0.7, "drift": 1.0}),
    ("shipments, counted", "shipments", 48, {"measure": "shipments"}),
    ("shipments, counted, AR 0.3, season", "shipments", 60, {"rho": 0.3, "season": 0.3, "measure": "shipments"}),
    ("zeros", "resting", 48, {"keeps": 0.0}),
    ("zeros, half of the months", "resting", 48, {"keeps": 0.0, "share": 0.55}),
    ("trade and rest in turn", "resting", 60, {"keeps": 0.4}),
    ("trade and rest in turn, mostly trade", "resting", 60, {"keeps": 0.4, "share": 0.7}),
]
WALK = [
    ("walk 0.1", "busy", 48, {"walk": 0.1}),
    ("walk 0.3", "busy", 48, {"walk": 0.3}),
    ("walk 0.3, 120 months", "busy", 120, {"walk": 0.3}),
    ("walk 0.3, unlike", "busy", 48, {"walk": 0.3, "unlike": 0.5}),
    ("walk 0.3, 120 months, unlike", "busy", 120, {"walk": 0.3, "unlike": 0.5}),
    ("walk 1", "busy", 60, {"walk": 1.0}),
    ("pure walk", "busy", 48, {"sd": 0.01, "walk": 10.0}),
    ("bent trend", "busy", 60, {"bent": 0.5}),
    ("walk 0.3, shipments", "shipments", 60, {"walk": 0.3}),
]


def made(rng, kind, flows, n, options):
    options = {k: v for k, v in options.items() if k != "measure"}
    if kind == "busy":
        return busy(logs(rng, flows, n, **options))
    return {"shipments": shipments, "resting": resting}[kind](rng, flows, n, **options)


def null(seeds, flows, cases=NULL):
    print(
        "share of p-values below 0.05, 0.01, 0.001 over nominal; runs with a false finding at a false discovery rate of 0.05"
    )
    for name, kind, n, options in cases:
        every, false = [], 0
        for seed in range(seeds):
            ships = made(np.random.default_rng([seed, n]), kind, flows, n, options)
            flow, p = tested(ships, measure=options.get("measure", "value"))
            every.append(p)
            false += bool(found(flow, p))
        p = np.concatenate(every)
        rates = "  ".join(f"{(p < level).mean() / level:5.2f}" for level in LEVELS)
        print(f"{name:42} {n:4} months {len(p):7} flows  {rates}  false in {false} of {seeds}", flush=True)


def walk(seeds, flows):
    null(seeds, flows, WALK)


def power(name, seeds, generate):
    hits, wrong = [], []
    for seed in range(seeds):
        ships, changed = generate(np.random.default_rng(seed))
        some = found(*tested(ships))
        hits.append(len(some & changed) / len(changed))
        wrong.append(len(some - changed) / max(1, len(some)))
    print(f"{name:52} power {np.mean(hits):.2f}  realised rate {np.mean(wrong):.3f}", flush=True)


def shift(seeds, flows=300):
    print("level shifts of 12 of 300 flows, at a false discovery rate of 0.05")
    for name, n, options in [
        ("scatter 0.3", 48, {}),
        ("scatter 0.3, season", 48, {"season": 0.2}),
        ("scatter 0.3, Student-t 4", 48, {"law": "student"}),
        ("scatter 0.3, AR 0.3", 48, {"rho": 0.3}),
        ("scatter 0.3, AR 0.6", 60, {"rho": 0.6}),
        ("scatter 0.3, walk 0.1", 48, {"walk": 0.1}),
        ("scatter 0.3, drift 0.5", 60, {"drift": 0.5}),
    ]:
        for times in (1.6, 2.5):

            def generate(rng, n=n, options=options, times=times):
                values = logs(rng, 300, n, **options)
                changed = rng.choice(300, 12, replace=False)
                for flow, sign in zip(changed, [1, -1] * 6, strict=True):
                    values[flow, rng.integers(n // 4, 3 * n // 4) :] += sign * np.log(times)
                return busy(values), set(changed)

            power(f"{name}, x {times}", seeds, generate)
    for times in (1.6, 2.5):

        def generate(rng, times=times):
            change = np.zeros((300, 48))
            changed = rng.choice(300, 12, replace=False)
            for flow, sign in zip(changed, [1, -1] * 6, strict=True):
                change[flow, rng.integers(12, 36) :] += sign * np.log(times)
            return shipments(rng, 300, 48, rate=3.5, spread=0.5, sd=0.15, changed=change), set(changed)

        power(f"shipments, 33 a month, x {times}", seeds, generate)


def spike(seeds, flows=300):
    print("one month of 10 of 300 flows, at a false discovery rate of 0.05")
    for name, n, options in [
        ("scatter 0.3", 48, {}),
        ("scatter 0.3, season", 48, {"season": 0.2}),
        ("scatter 0.4", 48, {"sd": 0.4}),
        ("scatter 0.3, Student-t 4", 48, {"law": "student"}),
        ("scatter 0.3, AR 0.6", 60, {"rho": 0.6}),
    ]:
        for times in (3, 6, 10):

            def generate(rng, n=n, options=options, times=times):
                values = logs(rng, 300, n, **options)
                changed = rng.choice(300, 10, replace=False)
                for flow, sign in zip(changed, [1, -1] * 5, strict=True):
                    values[flow, rng.integers(0, n)] += sign * np.log(times)
                return busy(values), set(changed)

            power(f"{name}, x {times}", seeds, generate)


def thin(seeds, flows=300):
    print("thin flows that become busier, 12 of 300, at a false discovery rate of 0.05")
    for rate in (0.1, 0.3, 1.0):
        for times in (4, 8, 20):

            def generate(rng, rate=rate, times=times):
                change = np.zeros((300, 60))
                changed = rng.choice(300, 12, replace=False)
                change[changed, 30:] = np.log(times)
                return shipments(rng, 300, 60, rate=np.log(rate), spread=0.3, sd=0.0, changed=change), set(changed)

            power(f"{rate} shipments a month, x {times}", seeds, generate)


def later(seeds, flows):
    print("12 months after a fit: share of p-values below 0.05, 0.01, 0.001 over nominal")
    for name, n, options in [("normal", 48, {}), ("AR 0.6", 48, {"rho": 0.6}), ("season", 60, {"season": 0.3})]:
        every = []
        for seed in range(seeds):
            values = logs(np.random.default_rng(seed), flows, n + 12, **options)
            fit = rl.Surge(by=("flow",)).fit(busy(values[:, :n]))
            flow, month = np.divmod(np.arange(flows * 12), 12)
            rows = fit.score(table(flow, n + month, np.exp(10 + values[:, n:]).ravel())).to_polars()
            every.append(rows["p_value"].drop_nulls().to_numpy())
        p = np.concatenate(every)
        rates = "  ".join(f"{(p < level).mean() / level:5.2f}" for level in LEVELS)
        print(f"{name:42} {n:4} months {len(p):7} flows  {rates}", flush=True)


def sample(seeds, flows):
    print("generated samples without planted patterns: runs with a finding")
    for by in (("hs6", "destination"), ("hs2", "destination"), ("importer",)):
        for measure in ("value", "shipments"):
            false = 0
            for seed in range(seeds):
                ships = rl.samples.shipments(60_000, seed=seed, plant=False).ships
                rows = rl.Surge(by=by, measure=measure).fit_score(ships).to_polars()
                false += any(q is not None and q <= 0.05 for q in rl.fdr(rows["p_value"].to_list()))
            print(f"by {', '.join(by)}, {measure}: {false} of {seeds}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--flows", type=int, default=2_500)
    chosen = parser.parse_args()
    for which in chosen.which or ["null", "walk", "shift", "spike", "thin", "later", "sample"]:
        globals()[which](chosen.seeds, chosen.flows)
