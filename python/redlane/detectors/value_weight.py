"""Values compared with a robust regression on weight."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class ValueWeight(Detector):
    """Is the value of a shipment far from the regression line of value on weight of its group?

    Use it where the price per kilogram depends on the size of the shipment, or where goods are priced by weight and by
    quantity together (`on`). In each group the line ln value = intercept + slope x ln weight is fitted by least trimmed
    squares. Up to half of the group may be wrong without harm to this line. The anti-fraud services of the European
    Union use this method on trade data.

    Do not use it for small groups, or where most shipments of a group have the same weight; `UnitValue` needs no line.
    With `log=False` the line is one of money. Use it only where values differ by amounts and not by factors: on the
    scale of money a value far too low is only a short distance below the line, and residuals are skewed.

    - `score` is the residual divided by its standard error, without sign. The standard error includes the scale of the
      residuals and the uncertainty of the line itself.
    - `p_value` is two-sided, from tails learnt from the scores of all groups, as for `UnitValue`.
    - `direction` is `high` or `low`. `observed` is the value, `expected` the value on the line, both in the currency of
      the source.

    Limits: groups with two price levels of similar frequency have no single line. With several regressors that move
    together, the fit is usable but its separate slopes are not; the reason says so (variance inflation above 10).

    Parameters
    ----------
    by
        Keys of the groups, as in `Shipments.aggregate`. With a quantity in `on`, add ``"quantity_unit"`` if the data
        have several units.
    on
        The regressors: one to four names of roles or columns that hold numbers. Without logarithms the scale of the
        residuals may grow with the first of them.
    min_peers
        The smallest number of shipments with a value and all regressors: 6 or more, and three more for each further
        regressor.
    log
        Fit logarithms. The scale of the residuals then does not depend on the weight, and scales of groups are
        moderated. With `False` the line is value = intercept + slope x weight, and all residuals count as natural,
        however far they lie: p-values then claim little.
    method
        ``"lts"``, least trimmed squares; or ``"mm"``, an MM-estimate (Yohai 1987) that starts from it and uses more of
        the data.

    Scores
    ------
    One row for each shipment, in source order: `row`, `score`, `p_value`, `direction`, `observed`, `expected`, `peer`,
    `n_peers`, `caution`, `reason`. The reason also says whether the shipment is an outlier of its group at 1 % after
    the Bonferroni correction. A score is null if value or a regressor is missing, zero or negative, or if the group has
    no line: it has too few shipments, half of them have the same weight (or regressors that depend on each other
    exactly), or half of them lie exactly on one line. The reason says which.

    State
    -----
    One row for each group: the keys, `n`, `raw_intercept` and `raw_slope` (least trimmed squares), `intercept` and
    `slope` (reweighted, or MM), `fair_intercept` and `fair_slope` (the line used for the scores), `sum_of_squares` (the
    trimmed sum), `scale` (of the residuals of the shipments kept), `kept` (their number), `spread` (the scale used for
    the scores), `power` (of the weight, by which that scale grows), `no_line` (why there is none), and the members'
    `net_weight_values` and `value_values`. With several names in `on` there is one slope for each, such as
    `slope_quantity`.

    Raises
    ------
    MissingColumnError
        The shipments lack a role or a key.
    ArgumentError
        `min_peers` is too small, the method is unknown, or a name in `on` holds no numbers or comes twice.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.ValueWeight(by=("hs6",)).fit_score(ships)
    >>> len(scores) == len(ships)
    True
    >>> both = rl.ValueWeight(by=("hs6",), on=("net_weight", "quantity")).fit(ships)
    >>> [name for name in both.state().column_names if name.startswith("slope")]
    ['slope_net_weight', 'slope_quantity']

    See docs/methods.md, section `ValueWeight`.
    """

    def __init__(
        self,
        *,
        by: Sequence[str] = ("hs6", "origin"),
        on: Sequence[str] = ("net_weight",),
        min_peers: int = 20,
        log: bool = True,
        method: str = "lts",
    ) -> None:
        self.by = by
        self.on = on
        self.min_peers = min_peers
        self.log = log
        self.method = method
