"""Generated flows with known truth, for the calibration of the detectors of flows.

Each function returns a frame of records and, for each planted cell, its keys. Nothing here is a detector's own model:
flows are thin and busy, values are lognormal or Pareto, whole flows are missing, and countries report differently well.
"""

import numpy as np
import polars as pl


def noise(rng, law, size):
    """Noise with a standard deviation of about one."""
    return {
        "normal": lambda: rng.standard_normal(size),
        "student": lambda: rng.standard_t(5, size) / np.sqrt(5 / 3),
        "laplace": lambda: rng.laplace(0, np.sqrt(0.5), size),
    }[law]()


def values(rng, law, size):
    return {
        "lognormal": lambda: np.exp(rng.normal(9, 1, size)),
        "pareto": lambda: 5_000 * (1 + rng.pareto(1.6, size)),
    }[law]()


def codes(k):
    return np.array([f"{1000 + i:04}{10 + i % 80:02}" for i in range(k)])


def mirrored_records(rng, scatter=0.1, law="normal", value="lognormal", missing=0.02, planted=0.0, factor=4.0):
    """Single shipments, reported by both sides with a lag; whole flows are missing; each record is valued anew.

    A planted cell is a flow and quarter with all its imports divided by `factor`.
    """
    products, countries, quarters = 40, 9, 8
    routes = [(o, d) for o in range(countries) for d in range(countries) if o != d]
    route, product = (a.ravel() for a in np.meshgrid(np.arange(len(routes)), np.arange(products), indexing="ij"))
    kept = rng.random(len(route)) < 0.6
    route, product = route[kept], product[kept]
    rate = np.exp(rng.normal(0.8, 1.2, len(route)))
    count = rng.poisson(rate[:, None], (len(route), quarters))
    flow = np.repeat(np.arange(len(route)), count.sum(1))
    quarter = np.concatenate([np.repeat(np.arange(quarters), c) for c in count])
    day = np.datetime64("2020-01-01") + (quarter * 91.3125 + rng.uniform(0, 91, len(flow))).astype(int)
    export = values(rng, value, len(flow))
    usual = rng.normal(0.06, 0.06, len(routes))[route] + rng.normal(0, 0.03, products)[product]
    sloppy = np.exp(rng.normal(0, 0.3, countries))[np.array(routes)[route, 1]]
    error = scatter * sloppy[flow] * noise(rng, law, len(flow))
    period = scatter * 0.3 * noise(rng, law, (len(route), quarters))[flow, quarter]
    cell = flow * quarters + quarter
    wrong = np.zeros(len(route) * quarters, bool)
    if planted:
        there = np.unique(cell)
        wrong[rng.choice(there, int(planted * len(there)), replace=False)] = True
    import_ = export * np.exp(usual[flow] + error + period) / np.where(wrong[cell], factor, 1.0)
    silent = rng.random((2, len(route))) < missing / 2
    names = np.array([f"C{i}" for i in range(countries)])
    ends = np.array(routes)[route]
    parts = []
    for side, (when, value_) in enumerate([(day, export), (day + rng.integers(10, 41, len(flow)), import_)]):
        told = ~silent[side][flow]
        parts.append(
            pl.DataFrame(
                {
                    "hs": codes(products)[product[flow[told]]],
                    "origin": names[ends[flow[told], 0]],
                    "destination": names[ends[flow[told], 1]],
                    "date": when[told].astype("datetime64[D]"),
                    "value": value_[told],
                    "reported_by": ["exporter", "importer"][side],
                }
            )
        )
    quarter_start = np.array(["2020-01-01"], "datetime64[M]") + 3 * np.arange(quarters)
    at = np.flatnonzero(wrong)
    truth = pl.DataFrame(
        {
            "hs6": codes(products)[product[at // quarters]],
            "origin": names[ends[at // quarters, 0]],
            "destination": names[ends[at // quarters, 1]],
            "period": quarter_start[at % quarters].astype("datetime64[D]"),
        }
    )
    return pl.concat(parts), truth


def mirrored_statistics(
    rng, scatter=0.3, law="normal", missing=0.02, planted=0.0, factor=4.0, memory=0.0, moved=0.0, move=1.0, months=48
):
    """Monthly statistics, one line for each product, route, month and side. Small flows scatter more.

    Planted cells are months of a flow with imports divided by `factor`. `moved` is the share of routes whose gap moves
    by `move` at a random month; `memory` is the autocorrelation of the gaps of a route. The truth holds both kinds, and
    for each cell the standard deviation of its gap.
    """
    products, countries = 12, 12
    routes = [(o, d) for o in range(countries) for d in range(countries) if o != d]
    route, product = (a.ravel() for a in np.meshgrid(np.arange(len(routes)), np.arange(products), indexing="ij"))
    kept = rng.random(len(route)) < 0.5
    route, product = route[kept], product[kept]
    flows = len(route)
    level = rng.normal(11, 2, flows)
    trade = np.exp(level[:, None] + 0.3 * rng.standard_normal((flows, months)).cumsum(1) / 3)
    active = rng.random((flows, months)) < 0.85
    sloppy = np.exp(rng.normal(0, 0.35, countries))[np.array(routes)[route, 1]]
    sd = scatter * sloppy[:, None] * np.sqrt(0.25 + (trade / np.exp(11)) ** -0.5)
    common = np.zeros((len(routes), months))
    steps = scatter * 0.3 * noise(rng, law, (len(routes), months))
    for t in range(months):
        common[:, t] = (memory * common[:, t - 1] if t else 0) + np.sqrt(1 - memory**2) * steps[:, t]
    moving = rng.random(len(routes)) < moved
    since = rng.integers(months // 4, 3 * months // 4, len(routes))
    sign = rng.choice([-1, 1], len(routes))
    step = np.where(moving[:, None] & (np.arange(months) >= since[:, None]), move * sign[:, None], 0.0)
    gap = (
        (rng.normal(0.06, 0.1, len(routes))[route] + rng.normal(0, 0.05, products)[product])[:, None]
        + (common + step)[route]
        + sd * noise(rng, law, (flows, months))
    )
    wrong = active & (rng.random((flows, months)) < planted)
    import_ = trade * np.exp(gap) / np.where(wrong, factor, 1.0)
    silent = rng.random((2, flows)) < missing / 2
    names = np.array([f"C{i:02}" for i in range(countries)])
    ends = np.array(routes)[route]
    month = (np.datetime64("2019-01") + np.arange(months)).astype("datetime64[D]")
    parts = []
    for side, value in enumerate([trade, import_]):
        f, t = np.nonzero(active & ~silent[side][:, None])
        parts.append(
            pl.DataFrame(
                {
                    "hs": codes(products)[product[f]],
                    "origin": names[ends[f, 0]],
                    "destination": names[ends[f, 1]],
                    "date": month[t],
                    "value": value[f, t],
                    "reported_by": ["exporter", "importer"][side],
                }
            )
        )
    f, t = np.nonzero(wrong)
    cells = pl.DataFrame(
        {
            "hs6": codes(products)[product[f]],
            "origin": names[ends[f, 0]],
            "destination": names[ends[f, 1]],
            "period": month[t],
            "sd": np.hypot(sd[f, t], 0.3 * scatter),
        }
    )
    moves = pl.DataFrame(
        {
            "origin": names[np.array(routes)[moving, 0]],
            "destination": names[np.array(routes)[moving, 1]],
            "since": month[since[moving]],
        }
    )
    return pl.concat(parts), cells, moves


def grown(
    rng, scatter=0.4, law="normal", value="lognormal", planted=0.0, factor=8.0, products=120, destinations=25, busy=2.5
):
    """Shipments of two years. Each pair of product and destination grows by product, by destination, and by itself.

    Planted pairs grow `factor` times as much, or as little. `busy` is the mean ln of the number of shipments of a year.
    The truth holds, for all pairs, what an oracle knows: the growth expected, its standard deviation, and whether it is
    planted.
    """
    p, d = (a.ravel() for a in np.meshgrid(np.arange(products), np.arange(destinations), indexing="ij"))
    kept = rng.random(len(p)) < 0.8
    p, d = p[kept], d[kept]
    rate = np.exp(rng.normal(busy, 1.3, len(p)))
    effect = rng.normal(0, 0.4, products)[p] + rng.normal(0, 0.3, destinations)[d]
    wrong = np.zeros(len(p), bool)
    wrong[rng.choice(len(p), int(planted * len(p)), replace=False)] = True
    growth = (
        effect + scatter * noise(rng, law, len(p)) + np.where(wrong, np.log(factor) * rng.choice([-1, 1], len(p)), 0)
    )
    parts = []
    for year, times in ((2021, np.exp(-growth / 2)), (2022, np.exp(growth / 2))):
        pair = np.repeat(np.arange(len(p)), rng.poisson(rate * times))
        parts.append(
            pl.DataFrame(
                {
                    "hs": codes(products)[p[pair]],
                    "destination": np.array([f"D{i:02}" for i in range(destinations)])[d[pair]],
                    "date": np.datetime64(f"{year}-01-01") + rng.integers(0, 365, len(pair)),
                    "value": values(rng, value, len(pair)),
                }
            )
        )
    # The variance of a lognormal record with a scale of 1, relative to the square of its mean, is e - 1.
    expected = rate[:, None] * np.exp(np.array([-0.5, 0.5]) * effect[:, None])
    truth = pl.DataFrame(
        {
            "hs6": codes(products)[p],
            "destination": np.array([f"D{i:02}" for i in range(destinations)])[d],
            "effect": effect,
            "sd": np.sqrt(scatter**2 + np.e * (1 / (expected + 0.5)).sum(1)),
            "planted": wrong,
        }
    )
    return pl.concat(parts), truth


def sanctioned(
    rng, share=1.0, walk=0.06, value="lognormal", planted=0.0, factor=5.0, products=150, through=12, fall=0.2
):
    """Shipments 2019 to 2023 from three origins to a target, to intermediaries, and from these to the target.

    On 2022-03-01 the direct trade of a share of the products falls. All flows grow as random walks, with common shocks
    of months. In planted triangles both legs through the intermediary grow by `factor` from then on.
    """
    months, event = 60, 38
    month = np.datetime64("2019-01") + np.arange(months)
    shock = 0.1 * rng.standard_normal(months).cumsum() / 3

    def flows(n, mean):
        level = rng.normal(mean, 1.3, n)
        return np.exp(level[:, None] + (walk * rng.standard_normal((n, months))).cumsum(1) + shock)

    falls = rng.random(products) < share
    direct = flows(products * 3, 0.5).reshape(products, 3, months)
    direct[falls, :, event:] *= fall
    inward = flows(products * through * 3, -1.5).reshape(products, through, 3, months)
    onward = flows(products * through, -1.0).reshape(products, through, months)
    onward *= rng.random((products, through, 1)) < 0.6
    wrong = (rng.random((products, through)) < planted) & falls[:, None] & (onward[:, :, 0] > 0)
    inward[..., event:] *= np.where(wrong, factor, 1.0)[:, :, None, None]
    onward[..., event:] *= np.where(wrong, factor, 1.0)[:, :, None]
    origins = np.array(["OA", "OB", "OC"])
    places = np.array([f"M{i:02}" for i in range(through)])
    parts = []

    def add(rate, of):
        count = rng.poisson(rate)
        at = np.repeat(np.arange(rate.size), count.ravel())
        index = np.unravel_index(at, rate.shape)
        origin, destination = of(index)
        day = month[index[-1]].astype("datetime64[D]") + rng.integers(0, 28, len(at))
        parts.append(
            pl.DataFrame(
                {
                    "hs": codes(products)[index[0]],
                    "origin": origin,
                    "destination": destination,
                    "date": day,
                    "value": values(rng, value, len(at)),
                }
            )
        )

    add(direct, lambda i: (origins[i[1]], np.full(len(i[0]), "TT")))
    add(inward, lambda i: (origins[i[2]], places[i[1]]))
    add(onward, lambda i: (places[i[1]], np.full(len(i[0]), "TT")))
    p, m = np.nonzero(wrong)
    return pl.concat(parts), pl.DataFrame({"hs6": codes(products)[p], "through": places[m]})


def customs(rng, law="normal", scatter=0.15, planted=0.0, factor=4.0, dropped=0.03, late=True):
    """Shipments as customs see them: flows of very different size, single records and whole flows that are missing,
    importers that always value 10 % low, routes with a scatter of their own, and small shipments that scatter more.

    With `late` the lags have a long tail: one in a thousand is longer than 60 days. A planted cell is a flow and quarter
    with all its imports divided by `factor`.
    """
    products, countries, quarters = 30, 8, 8
    ends = np.array([(o, d) for o in range(countries) for d in range(countries) if o != d])
    route, product = (a.ravel() for a in np.meshgrid(np.arange(len(ends)), np.arange(products), indexing="ij"))
    kept = rng.random(len(route)) < 0.5
    route, product = route[kept], product[kept]
    flow = np.repeat(np.arange(len(route)), rng.poisson(rng.gamma(0.6, 24, len(route))))
    day = rng.integers(0, 730, len(flow))
    value = np.exp(rng.normal(8, 1.2, len(route)))[flow] * rng.gamma(1.5, 1, len(flow))
    low = np.where(rng.random(countries) < 0.4, np.log(0.9), 0.0)[ends[route, 1]]
    usual = rng.choice([0.03, 0.06, 0.12], len(ends))[route] + low
    own = scatter * rng.gamma(4, 0.25, len(ends))[route]
    error = own[flow] * (0.5 + 1 / np.sqrt(1 + value / np.exp(8))) * noise(rng, law, len(flow))
    cell = flow * quarters + np.minimum(day // 91.25, quarters - 1).astype(int)
    there = np.unique(cell)
    wrong = rng.choice(there, int(planted * len(there)), replace=False)
    import_ = value * np.exp(usual[flow] + error) / np.where(np.isin(cell, wrong), factor, 1.0)
    lag = (4 + rng.gamma(2.0, 6.0, len(flow)) if late else rng.integers(5, 25, len(flow))).astype(int)
    silent = rng.random((2, len(route))) < 0.02
    names = np.array([f"C{i}" for i in range(countries)])
    parts = []
    for side, (when, value_) in enumerate([(day, value), (day + lag, import_)]):
        told = ~silent[side][flow] & (rng.random(len(flow)) >= dropped)
        parts.append(
            pl.DataFrame(
                {
                    "hs": codes(products)[product[flow[told]]],
                    "origin": names[ends[route[flow[told]], 0]],
                    "destination": names[ends[route[flow[told]], 1]],
                    "date": np.datetime64("2021-01-01") + when[told],
                    "value": value_[told],
                    "reported_by": ["exporter", "importer"][side],
                }
            )
        )
    quarter_start = np.array(["2021-01-01"], "datetime64[M]") + 3 * (wrong % quarters)
    truth = pl.DataFrame(
        {
            "hs6": codes(products)[product[wrong // quarters]],
            "origin": names[ends[route[wrong // quarters], 0]],
            "destination": names[ends[route[wrong // quarters], 1]],
            "period": quarter_start.astype("datetime64[D]"),
        }
    )
    return pl.concat(parts), truth


def rerouted(rng, planted=0.0, factor=5.0, law="student", walk=0.08, jumps=0.1):
    """Shipments of six years from one origin to a target, to intermediaries, and from these to the target.

    Flows share the seasons and shocks of products and of intermediaries; each has heavy-tailed shocks of its own, and
    some move to another level at some date, for reasons of their own. On 2022-03-01 the direct trade of four products
    in five falls. In planted triangles both legs through the intermediary grow by `factor` from then on.
    """
    months, event, products, through = 72, 45, 100, 14
    t = np.arange(months)
    season = 0.4 * np.sin(2 * np.pi * (t / 12 + rng.random((products, 1))))
    product = (0.03 * noise(rng, law, (products, months))).cumsum(1)
    place = (0.03 * noise(rng, law, (through, months))).cumsum(1)

    def flows(shape, mean):
        level = rng.gamma(0.7, 1.5, shape) * np.exp(mean)
        steps = (walk * noise(rng, law, (*shape, months))).cumsum(-1)
        size = np.where(rng.random(shape) < jumps, rng.normal(0, 1, shape), 0)
        jump = size[..., None] * (t >= rng.integers(6, months, shape)[..., None])
        return level[..., None] * np.exp(steps + jump)

    falls = rng.random(products) < 0.8
    direct = flows((products,), 2.5) * np.exp(season + product)
    direct[falls, event:] *= 0.15
    inward = flows((products, through), 0.6) * np.exp(season + product)[:, None] * np.exp(place)
    onward = flows((products, through), -0.1) * np.exp(season)[:, None] * np.exp(place)
    onward *= rng.random((products, through, 1)) < 0.7
    wrong = (rng.random((products, through)) < planted) & falls[:, None] & (onward[:, :, 0] > 0)
    for leg in (inward, onward):
        leg[..., event:] *= np.where(wrong, factor, 1.0)[..., None]
    places = np.array([f"M{i:02}" for i in range(through)])
    parts = []
    for rate, of in (
        (direct, lambda i: ("OO", "TT")),
        (inward, lambda i: ("OO", places[i[1]])),
        (onward, lambda i: (places[i[1]], "TT")),
    ):
        at = np.repeat(np.arange(rate.size), rng.poisson(rate).ravel())
        index = np.unravel_index(at, rate.shape)
        origin, destination = of(index)
        day = (np.datetime64("2018-06") + index[-1]).astype("datetime64[D]") + rng.integers(0, 28, len(at))
        value = np.exp(rng.normal(7, 0.8, len(at))) * (1 + rng.pareto(2.5, len(at)))
        parts.append(
            pl.DataFrame({"hs": codes(products)[index[0]], "date": day, "value": value}).with_columns(
                origin=pl.lit(origin) if isinstance(origin, str) else pl.Series(origin),
                destination=pl.lit(destination) if isinstance(destination, str) else pl.Series(destination),
            )
        )
    p, m = np.nonzero(wrong)
    return pl.concat(parts), pl.DataFrame({"hs6": codes(products)[p], "through": places[m]})
