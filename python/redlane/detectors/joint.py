"""Shipments that are unusual in several columns together."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class Isolation(Detector):
    """Is a shipment easy to separate from all others, in several columns together?

    Use it for a first look at data without clear peer groups, and for combinations of numbers and categories. It is an
    isolation forest: random cuts divide the shipments until each one is alone. An unusual shipment is alone after few
    cuts.

    Do not use it for prices within products if you know the HS code: `UnitValue` compares like with like and finds
    more.

    Without earlier shipments the scores are leads: a ranking, not findings. `fit_score`, and `screen` without
    `history`, compare the shipments with each other. A p-value would then be the rank of a shipment among them, which
    can never pass a false discovery rate, so it is null and the caution says so. To get findings, fit on earlier
    shipments with few anomalies, or pass `history` to `screen`.

    - `score` lies between 0 and 1. It is high for shipments that few cuts isolate; about 0.5 is ordinary.
    - `p_value` is the share of the shipments that trees were drawn from, this one included, with a score at least as
      high (conformal). It cannot be smaller than one divided by their number plus one.
    - `observed` is the score, `expected` the score of the median shipment.
    - The reason names the columns whose cuts isolate the shipment.

    Limits: unusual does not mean wrong; large or small shipments are unusual too. The forest depends on `seed`. It does
    not depend on the order of the shipments: data in another order, or fitted in parts and merged, give the same
    forest.

    Parameters
    ----------
    columns
        Names of columns. The roles `value`, `net_weight` and `quantity`, and `unit_value` (value / net weight), are
        taken as logarithms. Other columns of numbers are taken as they are. Texts and other roles are categories.
    trees
        The number of trees.
    sample
        Shipments for each tree, 2 to 65536.
    seed
        Chooses the forest.

    Scores
    ------
    One row for each shipment, in source order: `row`, `score`, `p_value`, `direction` (null), `observed`, `expected`,
    `peer`, `n_peers`, `caution`, `reason`.

    State
    -----
    The shipments that trees are drawn from, one row for each distinct content: the columns, `count`, and `fitted`, the
    number of all shipments fitted.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.Isolation(columns=("value", "net_weight", "origin")).fit_score(ships)
    >>> 0 < min(scores["score"].to_pylist()) < max(scores["score"].to_pylist()) < 1
    True

    See docs/methods.md, section `Isolation`.
    """

    def __init__(
        self,
        *,
        columns: Sequence[str] = ("value", "net_weight", "unit_value"),
        trees: int = 100,
        sample: int = 256,
        seed: int = 0,
    ) -> None:
        self.columns = columns
        self.trees = trees
        self.sample = sample
        self.seed = seed


class Ecod(Detector):
    """Does a shipment lie in the tails of several columns?

    Use it for a fast first look at columns of numbers. It is the outlier detector ECOD (empirical cumulative
    distribution functions), which has no parameters to tune. The fit keeps the distribution of each column, so the
    score of a shipment never depends on the shipments that are scored with it.

    Do not use it where only the combination of columns is unusual, such as a normal value with a normal weight that do
    not fit together: each column is looked at separately. Add `unit_value`, or use `Isolation`.

    Without earlier shipments the scores are leads: a ranking, not findings. `fit_score`, and `screen` without
    `history`, compare the shipments with each other. A p-value would then be the rank of a shipment among them, which
    can never pass a false discovery rate, so it is null and the caution says so. To get findings, fit on earlier
    shipments with few anomalies, or pass `history` to `screen`.

    - `score` is a sum over columns: for each, -ln of the share of fitted values at least as extreme.
    - `p_value` is the share of the fitted shipments, this one included, with a score at least as high (conformal).
    - `observed` is the score, `expected` the score of the median shipment.
    - The reason names the columns that add most.

    Limits: a value beyond all fitted ones counts as the most extreme of them, so the size of the excess is lost. A
    missing value adds nothing to the score. The p-value cannot be smaller than 1 / (n + 1) for n fitted shipments.

    Parameters
    ----------
    columns
        Names of columns of numbers, as in `Isolation`.

    Scores
    ------
    One row for each shipment, in source order: `row`, `score`, `p_value`, `direction` (null), `observed`, `expected`,
    `peer`, `n_peers`, `caution`, `reason`.

    State
    -----
    The fitted columns, one row for each shipment. They are the distribution functions.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> detector = rl.Ecod().fit(ships.where(date=rl.between(None, "2022")))
    >>> len(detector.score(ships)) == len(ships)
    True

    See docs/methods.md, section `Ecod`.
    """

    def __init__(self, *, columns: Sequence[str] = ("value", "net_weight", "unit_value")) -> None:
        self.columns = columns
