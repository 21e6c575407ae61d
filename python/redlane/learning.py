"""Features for models, planted anomalies, and the evaluation of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from redlane import _core
from redlane._arguments import count, described, number
from redlane._arguments import seed as seed_number
from redlane._columns import like, numbers, table_of, wants_nan
from redlane.errors import ArgumentError, WrongTypeError
from redlane.progress import Report, reporting
from redlane.samples import Sample
from redlane.shipments import Shipments, shipments_of
from redlane.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

Column = TypeVar("Column")
"""A NumPy array, a pandas or polars Series, or an Arrow array of any library."""


def features(
    ships: Shipments, history: Shipments | None = None, *, folds: int = 10, progress: bool | Report | None = None
) -> Table:
    """Features of every shipment for a model of scikit-learn, XGBoost or LightGBM.

    Describe the training records with `features(train)`, and later ones with `features(new, history=train)`. A feature
    then means the same in both, so the model does not meet other numbers in use than in training. For this, every
    record belongs to one of `folds` folds, by a hash of its own content, and is described by the records of the history
    in the *other* folds only (cross-fitting; Chernozhukov et al. 2018). No record is among the peers it is compared
    with.

    Parameters
    ----------
    ships
        The shipments to describe.
    history
        The shipments to compare with, `ships` if left out. All group statistics come from the history only, so other
        shipments described cannot leak into them. All records of the history count, whatever their dates: leave out
        what was not known at the time. To describe each year by the years before it, call it for each year.
    folds
        The number of folds. With ten, each record is described by nine tenths of the history; fewer folds are faster
        and use less of it. With 1 all of the history describes each record. Without `history`, each training record is
        then among its own peers, and a model can learn what does not hold for later records.
    progress
        As in `read`.

    Returns
    -------
    Table
        One row for each shipment, in source order. Every column is a number, null where it is unknown. As far as the
        roles exist:

        - `log_value`, `log_net_weight`, `log_quantity`, and `log_unit_value` (value / net weight), `log_price`
          (value / quantity), `log_unit_weight` (net weight / quantity): natural logarithms;
        - for each of the last three, `<measure>_z_<group>`, the signed robust z within hs6 x origin, hs6, hs4 and
          hs2, and `<measure>_peers_<group>`, the size of that group;
        - `rarity_<partner>_<group>`: -ln of the smoothed conditional probability, as in `Rarity`;
        - `records_<keys>`, `share_<keys>`, `days_since_<keys>`: the records of the firm, pair or route in the history,
          the share of their value in all value, and the days from the last of them to the last day of the history;
        - `value_rank_hs6`: the rank of the value among those of the code, 0 to 1;
        - `value_first_digit`, `value_zeros` (zeros at the end), `value_whole` (1 if it has no decimals).

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(5_000).ships
    >>> known, new = ships.where(date=rl.between(None, "2022")), ships.where(year=2023)
    >>> training, described = rl.features(known), rl.features(new, history=known)
    >>> len(described) == len(new), described.column_names == training.column_names
    (True, True)
    >>> "unit_value_z_hs6_origin" in described.column_names
    True
    """
    core = shipments_of(ships, "ships")._core
    past = None if history is None else shipments_of(history, "history")._core
    many = count("folds", folds)
    with reporting(progress) as report:
        table = _core.features(core, past, many, report)
    return Table._of(table, ships._files)


def inject(
    ships: Shipments,
    pattern: str,
    n: int,
    strength: float = 5.0,
    seed: int = 0,
    *,
    progress: bool | Report | None = None,
) -> Sample:
    """Plant known anomalies into real shipments, to test which detectors find them.

    Parameters
    ----------
    ships
        Real shipments; they are not changed.
    pattern
        ``"overvalued"`` or ``"undervalued"`` (the value multiplied or divided by `strength`), ``"duplicate"``
        (`strength` equal records instead of one), ``"split"`` (one consignment in `strength` parts of about equal
        size), ``"mislabelled"`` (the HS code of a shipment of another heading), ``"newcomer"`` (`n` new importers,
        each with `strength` of the latest shipments of one code).
    n
        The number of anomalies.
    strength
        Above 1; its meaning depends on the pattern.
    seed
        Chooses the rows.
    progress
        As in `read`.

    Returns
    -------
    Sample
        `ships`, with changed rows in their place and added rows at the end, and `truth` (`row`, `pattern`).

    Examples
    --------
    >>> import redlane as rl
    >>> planted = rl.inject(rl.samples.shipments(5_000, plant=False).ships, "overvalued", n=20, strength=5)
    >>> len(planted.truth)
    20
    """
    real = shipments_of(ships, "ships")._core
    asked = str(pattern), count("n", n), number("strength", strength), seed_number(seed)
    with reporting(progress) as report:
        core, truth = _core.inject(real, *asked, report)
    return Sample(Shipments(core), Table(truth))


def evaluate(
    scores: Any,
    truth: Any,
    value: Any = None,
    *,
    order: str = "score",
    progress: bool | Report | None = None,
) -> Table:
    """Measure how well scores find records that are known to be wrong.

    Parameters
    ----------
    scores
        The score table of a detector of shipments (a `Table`, or a frame made of it), or any numbers, one for each
        shipment; larger is more unusual: a list, a NumPy array, a pandas or polars Series, an Arrow array. Null and NaN
        come last.
    truth
        The `truth` of a sample or of `inject`, a list of rows, or one truth value for each score, in the order of the
        scores (an index is not looked at); any column, as for `scores`.
    value
        The worth of finding each shipment, one number for each; any column. Null and NaN are worth nothing.
    order
        The order of a score table: by ``"score"``, or by ``"p_value"``, the smallest first, as findings are.
    progress
        As in `read`.

    Returns
    -------
    Table
        `measure`, `at`, `value`, `low`, `high` (95 % interval; Wilson 1927), `n`. Measures: `base_rate`;
        `average_precision`; `precision`, `recall` and, with `value`, `revenue` (the share of the worth of all wrong
        records) among the first 1, 2, 5 and 10 %; if `scores` has p-values, `false_discovery_rate` (realised) and
        `recall_at_rate` of the findings of Benjamini and Hochberg at 0.01, 0.05 and 0.10. Equal scores share their
        ranks evenly.

    Raises
    ------
    ArgumentError
        A table of scores without `row` or the column to order by; a truth that names rows without a score, or none
        at all; columns of different lengths. `WrongTypeError` where an argument is no column.

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
    rows = p_values = None
    table = table_of(scores)
    if table is None:
        found = numbers("scores", scores)
    else:
        if "row" not in table:
            raise ArgumentError("evaluate takes the scores of shipments, a table with a column 'row'")
        if order not in table:
            raise ArgumentError(f"the scores have no column {order!r} to order by")
        rows = table["row"]
        p_values = table["p_value"] if "p_value" in table.column_names else None
        found = table["score"] if order == "score" else None
    named = table_of(truth)
    marks = numbers("truth", truth) if named is None else named["row"]
    worth = None if value is None else numbers("value", value)
    with reporting(progress) as report:
        return Table(_core.evaluate(found, marks, named is not None, rows, p_values, worth, report))


def leakage_report(train: Shipments, test: Shipments, label: str, *, progress: bool | Report | None = None) -> Table:
    """Test whether repeated records explain a label without a model.

    If test records come from the same templates as training records, a table with the share of the label by a few
    columns predicts the label, without any knowledge of fraud. A good result of a model on such data means little.
    Columns are added one by one. The next column is the one with which one half of the training records predicts the
    other half best. Identifiers, dates and descriptions are left out.

    Parameters
    ----------
    train, test
        Shipments with the same columns.
    label
        A column of both: a number above 0 marks a positive.
    progress
        As in `read`.

    Returns
    -------
    Table
        One row for each number of columns: `columns`, `auc_train` (one half predicts the other), and on the test
        records `auc`, `precision_at_5` and `precision_at_10` (among the first 5 and 10 %; equal scores share their
        ranks evenly), `seen` (the share with a template of the training records), `base_rate`; `templates` (their
        number).

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
    cores = shipments_of(train, "train")._core, shipments_of(test, "test")._core
    with reporting(progress) as report:
        return Table(_core.leakage(*cores, label, report))


@overload
def fdr(p: Sequence[float | None], method: str = "bh", *, families: Any = None) -> list[float | None]: ...
@overload
def fdr(p: Column, method: str = "bh", *, families: Any = None) -> Column: ...
def fdr(p: Any, method: str = "bh", *, families: Any = None) -> Any:
    """q-values of p-values: the smallest false discovery rate at which each is a discovery.

    Parameters
    ----------
    p
        p-values between 0 and 1: a list, a NumPy array, a pandas or polars Series, an Arrow array of any library, or
        a column of a `Table`. `None`, null and NaN mean "not tested": they stay what they are and do not count.
    method
        ``"bh"`` (Benjamini and Hochberg 1995) or ``"by"`` (Benjamini and Yekutieli 2001, valid under any dependence).
    families
        A label for each p-value, such as the detector that it comes from: a list or a column. Families are then
        selected first, and their p-values tested within them, as `screen` does with its detectors (Benjamini and
        Bogomolov 2014; ``"bh"`` only). The rate holds on average over the families selected.

    Returns
    -------
    What `p` is, and as long: a NumPy array (NaN where not tested), a pandas Series with the same index and name, a
    polars Series with the same name, an array of pyarrow or arro3 (null where not tested). A list, and any other
    iterable, gives a list with `None` where not tested.

    Raises
    ------
    ArgumentError
        A number outside 0 to 1, values that are no numbers, an unknown method.
    WrongTypeError
        `p` is no column.

    Examples
    --------
    >>> import numpy as np, redlane as rl
    >>> rl.fdr([0.01, None, 0.04])
    [0.02, None, 0.04]
    >>> rl.fdr(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    >>> rl.fdr([0.01, 0.02, 0.9], families=["prices", "prices", "flows"])
    [0.04, 0.04, 0.9]
    """
    codes = None if families is None else _family_codes(families)
    if codes is not None and method != "bh":
        raise ArgumentError(f'families are tested with method="bh", not {method!r}')
    return like(p, _core.fdr(numbers("p", p), method, wants_nan(p), codes))


def _family_codes(families: Any) -> list[int]:
    """A number for each label."""
    if isinstance(families, (str, bytes)) or not hasattr(families, "__iter__"):
        raise WrongTypeError(f"families is {described(families)}; pass a list or a column of labels")
    labels = families.to_pylist() if hasattr(families, "to_pylist") else list(families)
    known: dict[Any, int] = {}
    return [known.setdefault(label, len(known)) for label in labels]
