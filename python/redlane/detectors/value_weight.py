"""Values against the line of value on weight."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class ValueWeight(Detector):
    """Is a shipment off its group's value-to-weight line?

    In every group the line value = intercept + slope x weight is fitted by least trimmed squares: it minimises
    the sum of the h = (n + p + 1) div 2 smallest squared residuals, p the number of coefficients (Rousseeuw 1984;
    searched for as in FAST-LTS, Rousseeuw and Van Driessen 2006; lines through up to 24 shipments are found exactly),
    so that up to half of the group may be wrong. Then shipments beyond 2.24 scales are left out and the line is
    fitted again. The EU's anti-fraud services use the method on trade data (Perrotta, Riani, Torti).

    `on` can name several numbers, such as net weight and quantity where goods are priced by both:
    value = intercept + slope x weight + slope x quantity. Where they nearly go together the fit holds and its
    slopes one by one say little (variance inflation above 10; Marquardt 1970); the reason then says so.

    The score is |residual| / (spread x sqrt(u² + d)), where u = (weight / median weight)^power is how residuals
    of traded goods grow with the weight, and d the variance of the fit itself at that weight (its leverage, as in
    the prediction error of any regression): a line is known badly where its group has few shipments. The power
    is 0, 1/2 or 1, whichever evens residuals out best over all groups, and is in the state. With a power above 0
    the line is fitted again to the shipments kept, each weighted by 1 / u²: the fair line, which shipments are
    scored by. The spread is 1.4826 times the median of |residual| / u.

    Parameters
    ----------
    by
        Keys of the groups, as in `Shipments.aggregate`. With a quantity in `on`, add ``"quantity_unit"`` where units
        are mixed.
    on
        What value is regressed on: one to four names of roles or columns that hold numbers. The first is the size
        that the spread grows with.
    min_peers
        Fewest shipments with a value and a place on the line: 6 or more, and three more for each further name.
    log
        Fit ln value = intercept + slope x ln weight instead; the power is then 0. Where prices scatter by
        factors this finds more, too low prices above all, and its p-values are the more exact.
    method
        ``"lts"``; or ``"mm"``, which follows it by an MM-estimate (Yohai 1987; bisquare, half breakdown, 95 %
        efficiency; its S-estimate as in Salibian-Barrera and Yohai 2006) that uses more of the data.

    Scores
    ------
    A row a shipment, in source order: `row`, `score`, `p_value` (two-sided, by tails learnt as for `UnitValue` from the
    scores of groups of that size), `direction`, `observed` (the value) and `expected` (the line's, both in the currency
    of the source), `peer`, `n_peers`, `caution`, `reason` (with the Bonferroni verdict within the group). A
    score is null where value or a number of `on` is missing, zero or negative, or the group has no line: too few
    shipments, half of them of one weight (or of numbers that go with each other exactly), or half of them on one
    line exactly; the reason says which.

    State
    -----
    A row a group: the keys, `n`, `raw_intercept` and `raw_slope` (least trimmed squares), `intercept` and `slope`
    (reweighted, or MM), `fair_intercept` and `fair_slope`, `sum_of_squares` (least trimmed), `scale`, `kept`,
    `spread`, `power`, `no_line`, and the members' `net_weight_values` and `value_values`. With several names in
    `on` there is a slope for each, such as `slope_quantity`.

    Raises
    ------
    MissingColumnError
        A role or key that the shipments lack.
    ArgumentError
        Too few `min_peers`, an unknown method, a name in `on` that holds no numbers or comes twice.

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
    """

    def __init__(
        self,
        *,
        by: Sequence[str] = ("hs6", "origin"),
        on: Sequence[str] = ("net_weight",),
        min_peers: int = 20,
        log: bool = False,
        method: str = "lts",
    ) -> None:
        self.by = by
        self.on = on
        self.min_peers = min_peers
        self.log = log
        self.method = method
