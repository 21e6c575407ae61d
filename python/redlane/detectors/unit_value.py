"""Unit values compared with those of a peer group."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class UnitValue(Detector):
    """Is the unit value (price per kilogram or per unit) out of line with its peer group?

    Use it to look for undervalued or overvalued goods, and for wrong weights or quantities. Each shipment is compared
    with its peer group: the shipments with the same keys, by default the same HS code and origin. If fewer than
    `min_peers` of them have a price, the next coarser group of `backoff` takes their place.

    Do not use it where one code holds goods of very different prices, unless a column distinguishes them; add that
    column to `by`. Where the price per kilogram depends on the size of the shipment, `ValueWeight` fits better.

    - `score` is the distance of the log price from the centre of the peer group, in scales (robust z, without sign).
      The centre is the median. The scale is by default 1.4826 times the median absolute deviation.
    - `p_value` is the probability of a distance at least as large among ordinary prices. It depends on how long the
      tails of the peer group are: three scales from the centre is unusual in a group with short tails and normal in one
      with long tails.
    - `direction` is `high` or `low`. `observed` and `expected` are prices: of the shipment, and the centre.

    Limits: if half of a peer group or more is wrong, the correct records look unusual. Where ordinary prices have very
    long tails, only extreme prices get a small p-value. A score shows that a price is unusual. It does not show why.

    Parameters
    ----------
    measure
        `value/net_weight`, `value/quantity` or `net_weight/quantity`. Quantities are compared within one unit. If the
        shipments have a quantity and no net weight, `value/net_weight` means `value/quantity`; a note of the shipments
        says so.
    by
        Keys of the finest peer group, as in `Shipments.aggregate`.
    min_peers
        The smallest number of members with a price: 3 or more.
    backoff
        Coarser groups, tried in this order. `()` means that only the groups of `by` are used. A row whose group is too
        small then has no score.
    scale
        ``"mad"``, the median absolute deviation; ``"qn"`` or ``"sn"`` (Rousseeuw and Croux 1993), which are more
        efficient and need no centre; or ``"adjusted"``, for skewed prices: one scale above the centre and one below,
        from the fences of the adjusted boxplot with the medcouple (Hubert and Vandervieren 2008).

    Scores
    ------
    One row for each shipment, in source order: `row`, `score` (0 or more), `p_value`, `direction`, `observed`,
    `expected`, `peer` (the peer group used), `n_peers`, `caution`, `reason`. The score is null if value or weight is
    missing, zero or negative (a correction), or if the peer group is too small. The reason says which.

    `caution` holds the first of these that applies: the peers have one price; quantities have no unit; a value of 1
    with a price more than 3.5 scales too low, or a weight of 0.001, 0.01, 0.1 or 1 kg with a price more than 3.5 scales
    too high (both look like placeholders); weights look imputed (20 peers or more, and all have the same ratio of
    weight to quantity); the code of the peers was used only before or only after a revision of the Harmonized System
    that lies within the fitted data.

    State
    -----
    One row for each group of each level: `level`, the keys, `n`, `centre` and `scale` (of the log price; `scale_below`,
    `scale_above` and `medcouple` with ``scale="adjusted"``), `one_price` (the scale is that of the parent group),
    `tail_scale` (how far the outer prices lie, relative to the usual group), the coefficients of the tails
    (`tail_below_a` to `tail_above_c`, `tail_freedom`), `measure`, `members` (the sorted log prices of the finest
    groups) and `facts` (of these groups: first and last day since 1970-01-01, smallest and largest ratio of weight to
    quantity, and how many members have such a ratio).

    Raises
    ------
    MissingColumnError
        The shipments lack a role or a key.
    ArgumentError
        An unknown measure or scale, or `min_peers` below 3.

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

    See docs/methods.md, section `UnitValue`.
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
