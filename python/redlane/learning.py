"""Numbers for models, and how well scores find what is known to be wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redlane import _core
from redlane._arguments import count, number
from redlane._arguments import seed as seed_number
from redlane.errors import ArgumentError
from redlane.progress import Report, reporting
from redlane.samples import Sample
from redlane.shipments import Shipments
from redlane.table import Table


def features(ships: Shipments, history: Shipments | None = None, *, progress: bool | Report | None = None) -> Table:
    """For every shipment the numbers a model can learn from, for scikit-learn, XGBoost or LightGBM.

    Parameters
    ----------
    ships
        The shipments to describe.
    history
        What they are compared with. All group numbers then come from there alone, so nothing leaks from the
        shipments described; without it they are compared with each other, and what counts earlier records
        counts those of earlier days only.
    progress
        As in `read`.

    Returns
    -------
    Table
        One row a shipment, in source order; every column a number, null where it cannot be told. As far as the
        roles are there:

        - `log_value`, `log_net_weight`, `log_quantity`, and `log_unit_value` (value / net weight), `log_price`
          (value / quantity), `log_unit_weight` (net weight / quantity): natural logarithms;
        - for each of the last three, `<measure>_z_<group>`, the signed robust z within hs6 x origin, hs6, hs4 and
          hs2, and `<measure>_peers_<group>`, the size of that group;
        - `rarity_<partner>_<group>`: -ln of the smoothed conditional probability, as in `Rarity`;
        - `records_<keys>`, `days_since_<keys>`, `share_<keys>`: earlier records of the firm, pair or route, days
          since the last of them, and the share of their value in all earlier value;
        - `value_rank_hs6`: the value's place among those of the code, 0 to 1;
        - `value_first_digit`, `value_zeros` (that it ends in), `value_whole` (1 if it has no decimals).

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(5_000).ships
    >>> known, new = ships.where(date=rl.between(None, "2022")), ships.where(year=2023)
    >>> described = rl.features(new, history=known)
    >>> len(described) == len(new)
    True
    >>> "unit_value_z_hs6_origin" in described.column_names
    True
    """
    with reporting(progress) as report:
        table = _core.features(ships._core, None if history is None else history._core, report)
    return Table._of(table, ships._files)


def inject(ships: Shipments, pattern: str, n: int, strength: float = 5.0, seed: int = 0) -> Sample:
    """Plant known anomalies into real shipments, to see what finds them.

    Parameters
    ----------
    ships
        Real shipments; they are not changed.
    pattern
        ``"overvalued"`` or ``"undervalued"`` (the value times or divided by `strength`), ``"duplicate"``
        (`strength` records where there was one), ``"split"`` (one consignment in `strength` about equal parts),
        ``"mislabelled"`` (the HS code of a shipment of another heading), ``"newcomer"`` (`n` importers never
        seen before, each with `strength` of the latest shipments of one code).
    n
        How many anomalies.
    strength
        Above 1; what it means depends on the pattern.
    seed
        Chooses where.

    Returns
    -------
    Sample
        `ships`, with changed rows in their place and added ones last, and `truth` (`row`, `pattern`).

    Examples
    --------
    >>> import redlane as rl
    >>> planted = rl.inject(rl.samples.shipments(5_000, plant=False).ships, "overvalued", n=20, strength=5)
    >>> len(planted.truth)
    20
    """
    core, truth = _core.inject(
        ships._core, str(pattern), count("n", n), number("strength", strength), seed_number(seed)
    )
    return Sample(Shipments(core), Table(truth))


def _numbers(column: Any) -> list[float]:
    values = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
    try:
        return [float("nan") if x is None else float(x) for x in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"a list of numbers is expected: {error}") from None


def evaluate(scores: Any, truth: Any, value: Iterable[float | None] | None = None, *, order: str = "score") -> Table:
    """How well scores find what is known to be wrong.

    Parameters
    ----------
    scores
        The table of a detector whose subjects are shipments, or any numbers, one a shipment, larger is
        stranger. Null and NaN come last.
    truth
        The `truth` of a sample or of `inject`, a list of rows, or one truth value a shipment.
    value
        What finding each shipment is worth, one number a shipment.
    order
        What a table of scores is ordered by: ``"score"``, or ``"p_value"``, the smallest first, as findings are.

    Returns
    -------
    Table
        `measure`, `at`, `value`, `low`, `high` (95 % interval; Wilson 1927), `n`. Measures: `base_rate`;
        `average_precision`; `precision`, `recall` and, with `value`, `revenue` (the share of all that the wrong
        ones are worth) among the first 1, 2, 5 and 10 %; where `scores` has p-values, `false_discovery_rate`
        (realised) and `recall_at_rate` among what Benjamini and Hochberg find at 0.01, 0.05 and 0.10. Of equal
        scores each comes first equally often.

    Examples
    --------
    >>> import redlane as rl
    >>> planted = rl.inject(rl.samples.shipments(20_000, plant=False).ships, "overvalued", n=100, strength=8)
    >>> scores = rl.UnitValue().fit_score(planted.ships)
    >>> result = rl.evaluate(scores, planted.truth)
    >>> result.to_pylist()[1]["measure"], result.to_pylist()[1]["value"] > 0.4
    ('average_precision', True)
    >>> rl.evaluate(scores, planted.truth, order="p_value").to_pylist()[1]["value"] > 0.5
    True
    """
    if order not in ("score", "p_value"):
        raise ArgumentError(f'order={order!r} is not known; use "score" or "p_value"')
    p_values = None
    rows = None
    if hasattr(scores, "column_names"):
        if "row" not in scores.column_names:
            raise ArgumentError("evaluate takes the scores of shipments, a table with a column 'row'")
        if order not in scores.column_names:
            raise ArgumentError(f"the scores have no column {order!r} to order by")
        rows = [int(row) for row in scores["row"].to_pylist()]
        p_values = _numbers(scores["p_value"]) if "p_value" in scores.column_names else None
        numbers = _numbers(scores["score"]) if order == "score" else [-p for p in _numbers(scores["p_value"])]
    else:
        numbers = _numbers(scores)
    if rows is None:
        rows = list(range(len(numbers)))
    if hasattr(truth, "column_names"):
        truth = truth["row"].to_pylist()
    marks = list(truth.to_pylist() if hasattr(truth, "to_pylist") else truth)
    if len(marks) == len(rows) and all(mark in (0, 1) for mark in marks):
        wrong = [bool(mark) for mark in marks]
    else:
        named = {int(row) for row in marks}
        stray = named - set(rows)
        if stray:
            raise ArgumentError(f"truth names row {min(stray)}, which has no score; the scores end at row {max(rows)}")
        wrong = [row in named for row in rows]
    worth = None if value is None else _numbers(value)
    if worth is not None and len(worth) != len(rows):
        raise ArgumentError(f"value holds {len(worth)} numbers for {len(rows)} scores")
    return Table(_core.evaluate(numbers, wrong, p_values, worth))


def leakage_report(train: Shipments, test: Shipments, label: str) -> Table:
    """Does a look-up of repeated templates explain a label?

    Where test records come from the same templates as training records, a table of the label's share by a few
    columns predicts it without knowing anything about fraud, and a model's record on such a set is worth little.
    Columns are added one after the other, by how well one half of the training records then predicts the other;
    identifiers, dates and descriptions are left out.

    Parameters
    ----------
    train, test
        Shipments with the same columns.
    label
        A column of both: a number above 0 marks a positive.

    Returns
    -------
    Table
        A row for each number of columns: `columns`, `auc_train` (half against half), and on the test records `auc`,
        `precision_at_5` and `precision_at_10` (among the first 5 and 10 %; of equal scores each comes first equally
        often), `seen` (the share whose template the
        training records have), `base_rate`; `templates`, how many there are.

    Examples
    --------
    >>> import redlane as rl, polars as pl
    >>> frame = pl.DataFrame({"office": [1, 2, 3, 4] * 50, "good": ["a", "b"] * 100, "fraud": [1, 0, 0, 0] * 50})
    >>> report = rl.leakage_report(rl.read(frame), rl.read(frame), "fraud")
    >>> report.to_pylist()[0]["columns"], report.to_pylist()[0]["auc"]
    ('office', 1.0)
    """
    if not isinstance(label, str):
        raise ArgumentError(f"label={label!r}: the name of a column is expected")
    return Table(_core.leakage(train._core, test._core, label))


def fdr(p: Iterable[float | None], method: str = "bh") -> list[float | None]:
    """q-values of p-values: the smallest false discovery rate at which each would be called a discovery.

    `method` is ``"bh"`` (Benjamini and Hochberg 1995) or ``"by"`` (Benjamini and Yekutieli 2001, valid under any
    dependence). `p` may be a column of a table. `None` and NaN mean "not tested": they stay `None` and do not count.

    >>> import redlane as rl
    >>> rl.fdr([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    return [None if q != q else q for q in _core.fdr(_numbers(p), method)]
