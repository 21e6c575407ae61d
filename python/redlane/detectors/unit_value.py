"""Prices against their peers."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector
from redlane.shipments import names


class UnitValue(Detector):
    """Is the price per kilogram, or per unit, out of line with its peers?

    For each shipment x = ln(numerator / denominator), and z = (x - centre) / scale within the finest peer
    group that has at least `min_peers` members with a price. The centre is the median, the scale 1.4826 MAD
    (Hampel 1974; Iglewicz and Hoaglin 1993) or one of the others below. Where half the peers have one and the
    same price, the interquartile range or the mean absolute deviation takes its place; where all have, the
    parent's scale does, with a caution.

    Both are drawn to the parent group's, the next in `backoff`: the scale as sqrt((n s² + 10 s_p²) / (n + 10)),
    the centre by precision, with weight 1 / (1 + n τ² / (π/2 s²)) on the parent's, where τ² is the variance of
    centres about their parents beyond chance (empirical Bayes; Efron and Morris 1975). Large groups, and
    levels whose groups differ much, hardly move.

    Parameters
    ----------
    measure
        `value/net_weight`, `value/quantity` or `net_weight/quantity`; quantities are compared within one unit. Where
        the shipments have a quantity and no net weight, `value/net_weight` means `value/quantity`, and their notes
        say so.
    by
        Keys of the finest peer group, as in `Shipments.aggregate`.
    min_peers
        Fewest members with a price, 3 or more.
    backoff
        Coarser groups, tried in turn. `()` means the `by` groups alone: a row whose group is too small then has
        a null score.
    scale
        ``"mad"``; ``"qn"`` or ``"sn"`` (Rousseeuw and Croux 1993), more efficient and without a centre; or
        ``"adjusted"``, one scale above the centre and one below, from the fences of the adjusted boxplot with
        the medcouple (Hubert and Vandervieren 2008), for skewed prices.

    Scores
    ------
    A row a shipment, in source order: `row`, `score` (|z|, 0 or more), `p_value` (see below), `direction` (`high` or
    `low`), `observed` and `expected` (prices; expected is the peers' centre), `peer` (the group used), `n_peers`,
    `caution`, `reason`. A score is null where value or weight is missing, zero or negative (a correction), or peers
    are too few; the reason says which.

    `caution` names the first of these that applies: peers at one price; quantities without a unit; a token weight
    (0.001, 0.01, 0.1 or 1 kg) behind a score above 3.5; weights that look imputed (all of 20 peers or more have
    one ratio to quantity); peers seen only before or after a revision of the Harmonized System that lies in the
    fitted data.

    The p-value is twice the share of a normal beyond u, where |z| / stretch = u exp(a + b u + c u²), in the manner
    of Tukey's g-and-h distributions: b stretches the tail like a lognormal's, c like a Student-t's. `stretch` says
    how far the outer twentieth of a group lies, in its scales, beside the usual group's, drawn to 1 by what chance
    explains (empirical Bayes; DerSimonian and Laird 1986): a price three spreads out is news where all others keep
    within two, and none where one in ten lies as far. Where it is below 1, the p-value is no smaller than the normal's
    of z, or than without it where that is smaller still. The coefficients are learnt for each side, level and size of
    group from the quantiles of the fitted scores between the upper 15 % and the upper 1.1 %, which one anomaly in a
    hundred moves little, and from those farther out as long as the tail goes on as it has begun; where two sides
    alike part from each other, the farther one's outer quantiles follow the nearer's. Then again without what
    that finds at a false discovery rate of 0.005, until it finds no more. Sizes with fewer than 2,000 scores take the
    tail of all sizes together. Where a scale made from n peers is less certain than theirs were, u is then read as
    Student's t with `tail_freedom` degrees of freedom f (else null) and made normal by
    (8 f + 1) / (8 f + 3) √(f ln(1 + u²/f)) (Wallace 1959): 1 / f is (n / (n + 10))² / (0.37 (n - 1)), without the 10 at
    the coarsest level, less its mean over all scores, 0.37 being the efficiency of a MAD (Rousseeuw and Croux 1993).

    State
    -----
    A row a group of each level: `level`, the keys, `n`, `centre` and `scale` (of the log price; `scale_below`,
    `scale_above` and `medcouple` with ``scale="adjusted"``), `one_price` (the scale is the parent's), `stretch`, the
    coefficients of the tails, `tail_below_a` to `tail_above_c`, `tail_freedom`, `measure`, `members` (the sorted log
    prices of the finest groups) and `facts` (of these: first and last day since 1970-01-01, smallest and largest
    weight / quantity, and how many have that ratio).

    Raises
    ------
    MissingColumnError
        A role or key that the shipments lack.
    ArgumentError
        An unknown measure or scale, fewer than 3 `min_peers`.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.UnitValue(by=("hs6",), backoff=(("hs4",),)).fit_score(ships)
    >>> len(scores) == len(ships)
    True
    >>> history, new = ships.where(date=rl.between(None, "2022")), ships.where(year="2023")
    >>> detector = rl.UnitValue().fit(history)
    >>> len(detector.score(new)) == len(new)
    True
    """

    def __init__(
        self,
        *,
        measure: str = "value/net_weight",
        by: Sequence[str] = ("hs6", "origin"),
        min_peers: int = 20,
        backoff: Sequence[Sequence[str]] = (("hs6",), ("hs4",)),
        scale: str = "mad",
    ) -> None:
        self.measure = measure
        self.by = by
        self.min_peers = min_peers
        self.backoff = backoff
        self.scale = scale
