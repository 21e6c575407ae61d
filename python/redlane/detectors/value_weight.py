"""Values against the line of value on weight."""

from __future__ import annotations

from collections.abc import Sequence

from redlane import _core
from redlane.detectors.base import Detector
from redlane.errors import ArgumentError
from redlane.shipments import names


class ValueWeight(Detector):
    """Is a shipment off its group's value-to-weight line?

    In every group the line value = intercept + slope x weight is fitted by least trimmed squares: it minimises
    the sum of the h = (n + 3) div 2 smallest squared residuals (Rousseeuw 1984; FAST-LTS, Rousseeuw and Van
    Driessen 2006; up to 24 shipments the optimum is found exactly), so that up to half of the group may be
    wrong. Then shipments beyond 2.24 scales are left out and the line is fitted again. The EU's anti-fraud
    services use the method on trade data (Perrotta, Riani, Torti).

    The score is |residual| / (spread x (weight / median weight)^power). Residuals of traded goods grow with
    the weight; the power is 0, 1/2 or 1, whichever evens them out best over all groups, and is in the state.
    With a power above 0 the line is fitted again to the shipments kept, each weighted by 1 / weight^(2 power):
    the fair line, which shipments are scored by. The spread is 1.4826 times the median of the residuals so
    measured.

    Parameters
    ----------
    by
        Keys of the groups, as in `Shipments.aggregate`.
    min_peers
        Fewest shipments with a value and a weight, 6 or more.
    log
        Fit ln value = intercept + slope x ln weight instead; the power is then 0.
    method
        ``"lts"``; or ``"mm"``, which follows it by an MM-estimate (Yohai 1987; bisquare, half breakdown, 95 %
        efficiency) that uses more of the data.

    Scores
    ------
    A row a shipment, in source order: `row`, `score`, `p_value` (two-sided, by tails learnt as for `UnitValue` from the
    scores of groups of that size), `direction`, `observed` (the value) and `expected` (the line's, both in the currency
    of the source), `peer`, `n_peers`, `caution`, `reason` (with the Bonferroni verdict within the group). A
    score is null where value or weight is missing, zero or negative, or the group has no line: too few
    shipments, half of them of one weight, or half of them on one line exactly; the reason says which.

    State
    -----
    A row a group: the keys, `n`, `raw_intercept`, `raw_slope` and `sum_of_squares` (least trimmed squares),
    `intercept`, `slope` and `scale` (reweighted, or MM), `kept`, `fair_intercept` and `fair_slope`,
    `spread`, `power`, `no_line`, and the members'
    `weights` and `values`.

    Raises
    ------
    MissingColumnError
        A role or key that the shipments lack.
    ArgumentError
        Fewer than 6 `min_peers`, an unknown method.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.ValueWeight(by=("hs6",)).fit_score(ships)
    >>> len(scores) == len(ships)
    True
    """

    def __init__(
        self,
        *,
        by: Sequence[str] = ("hs6", "origin"),
        min_peers: int = 20,
        log: bool = False,
        method: str = "lts",
    ) -> None:
        self.by = by
        self.min_peers = min_peers
        self.log = log
        self.method = method

    def _settings(self) -> _core.Detector:
        if self.method not in ("lts", "mm"):
            raise ArgumentError(f'method={self.method!r} is not known; use "lts" or "mm"')
        return _core.value_weight(names(self.by, "by"), int(self.min_peers), bool(self.log), self.method == "mm")
