"""Ten times the data takes less than twenty times as long, for every detector and method."""

import io
import itertools
import time

import pyarrow as pa
import pyarrow.csv
import pytest
import redlane as rl

FACTOR = 10
MOST = 20
# A shorter time is mostly overhead and errors of the clock.
LEAST = 0.02
# Enough shipments for any test. A time below `LEAST` counts as `LEAST`.
LARGEST = 64_000
RATES = {"EUR": 1.1, "GBP": 1.3, "CNY": 0.14, "INR": 0.012, "JPY": 0.007, "TRY": 0.03, "RUB": 0.011}

_tables = {}


def table(n):
    """The same sample for every call, as a table, so that shipments made from it have no cached columns."""
    if n not in _tables:
        made = pa.table(rl.samples.shipments(n, seed=5).ships)
        _tables[n] = made.append_column("marked", pa.array([i % 7 == 0 for i in range(n)]).cast(pa.int8()))
    return _tables[n]


def ships(n):
    return rl.read(table(n))


def halves(n):
    made = ships(n)
    return made.where(date=rl.between(None, "2021")), made.where(date=rl.between("2022", None))


def csv(n):
    out = io.BytesIO()
    pa.csv.write_csv(table(n).cast(pa.schema([(name, pa.string()) for name in table(n).column_names])), out)
    return out.getvalue()


def detector(kind):
    if kind is rl.Diversion:
        return kind(target="RU", event="2022-03-01")
    return kind()


def fit_score(kind):
    return ships, lambda made: pa.table(detector(kind).fit_score(made))


def score_others(kind):
    def prepared(n):
        before, after = halves(n)
        return detector(kind).fit(before), after

    return prepared, lambda made: pa.table(made[0].score(made[1]))


def read(tmp_path):
    numbers = itertools.count()

    def prepared(n):
        path = tmp_path / f"{next(numbers)}.csv"
        path.write_bytes(csv(n))
        return path

    return prepared, lambda path: rl.read(path, progress=False).summary()


def scored(n):
    made = ships(n)
    scores = rl.UnitValue().fit_score(made)
    return scores, table(n)["marked"]


VERBS = {
    "aggregate": (ships, lambda made: made.aggregate(["hs6", "origin", "month"], ["value", "value.median"])),
    "compare": (ships, lambda made: made.compare(["hs6", "origin"], current="2023", base="2022")),
    "where": (ships, lambda made: pa.table(made.where(origin="CN", date=("2021", "2022")))),
    "convert": (ships, lambda made: made.convert("USD", RATES, currency="EUR").aggregate("origin", "value")),
    "summary": (ships, lambda made: made.summary()),
    "features": (ships, lambda made: pa.table(rl.features(made))),
    "screen": (ships, lambda made: rl.screen(made, [rl.UnitValue(), rl.Rarity(), rl.Surge()]).by_shipment()),
    "evaluate": (scored, lambda made: rl.evaluate(*made)),
    "inject": (ships, lambda made: pa.table(rl.inject(made, "undervalued", len(made) // 100).ships)),
    "leakage_report": (halves, lambda made: rl.leakage_report(*made, label="marked")),
}


def seconds(work, n):
    prepare, run = work
    made = prepare(n)
    # CPU time, not wall time, because other processes run at the same time.
    begun = time.process_time()
    run(made)
    return time.process_time() - begun


def check(work):
    n = 1_000
    while (small := seconds(work, n)) < LEAST and n < LARGEST:
        n *= 2
    small = max(LEAST, min([small, *(seconds(work, n) for _ in range(2))]))
    large = seconds(work, FACTOR * n)
    for _ in range(2):
        if large < MOST * small:
            break
        large = min(large, seconds(work, FACTOR * n))
    assert large < MOST * small, f"{n} shipments take {small:.3f} s, {FACTOR * n} take {large:.3f} s"


@pytest.mark.parametrize("kind", rl.detectors.ALL, ids=lambda kind: kind.__name__)
def test_detectors(kind):
    check(fit_score(kind))


@pytest.mark.parametrize("kind", [rl.UnitValue, rl.Rarity, rl.Newcomer], ids=lambda kind: kind.__name__)
def test_scores_of_other_shipments(kind):
    check(score_others(kind))


@pytest.mark.parametrize("verb", VERBS)
def test_verbs(verb):
    check(VERBS[verb])


def test_reading(tmp_path):
    check(read(tmp_path))
