"""Destinations whose trade develops differently."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector
from redlane.shipments import Window


class Divergence(Detector):
    """Did the trade with one destination develop differently from the trade with others?

    Use it to compare two windows of time, such as the years before and after an event: which products grew to one
    destination while they did not grow to others? The growth of each product and destination is compared with the
    growth of the product to all destinations and the growth of the destination in all products.

    Do not use it for products with one destination, or where windows hold very few records. To follow trade through a
    third country, use `Diversion`.

    - `score` is the log growth that these two effects do not explain, in scales learnt from all pairs.
    - `p_value` follows the tails of all pairs.
    - `direction` says whether the trade grew more (`high`) or less (`low`) than expected. `observed` is the current
      value, `expected` the one given by the two effects.
    - `growth`, `growth_others`, `log_divergence` and `ratio_of_ratios` compare the destination with the other
      destinations of the product.

    Limits: a growth is known only as well as its two sums. A sum of few records, or one with a single large
    consignment, is uncertain, and the score takes that into account. An empty window counts as half a typical record of
    the product, so that no growth is infinite.

    Parameters
    ----------
    by
        Keys of products.
    across
        The key that is compared: `destination`, `origin`, a column.
    measure
        A sum of a column: ``"value"``, ``"net_weight"``.
    current, base
        Windows as in `Shipments.compare`. By default they are the last twelve months of the data and the twelve months
        before.

    Scores
    ------
    One row for each product and destination: the keys, `score`, `p_value`, `direction`, `observed`, `expected`, `peer`,
    `n_peers` (other destinations of the product), `caution`, `reason`, `base`, `current`, `growth` (current / base -
    1), `growth_others` (of the other destinations of the product together), `log_divergence` (the difference of the two
    log growths), `ratio_of_ratios` (its exponential), `against` (the destination of the product that moved furthest in
    the other direction), `growth_against`. A score is null if a product has only one destination, or a window is
    negative.

    State
    -----
    One row for each product and destination: keys, `n`, cells (`periods`, `records`, `values`, `square_periods`,
    `squares`), `base`, `current`, `log_growth`, `expected`, `z`.

    Raises
    ------
    MissingColumnError
        The shipments lack the role `date`, a key or the measure.
    ArgumentError
        The windows lie outside the data, or overlap.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(100_000).ships
    >>> scores = rl.Divergence(current="2023", base="2022").fit_score(ships)
    >>> best = max(scores.to_pylist(), key=lambda r: r["score"] or 0)
    >>> best["hs6"]
    '690912'

    See docs/methods.md, section `Divergence`.
    """

    def __init__(
        self,
        *,
        by: Sequence[str] = ("hs6",),
        across: str = "destination",
        measure: str = "value",
        current: Window | None = None,
        base: Window | None = None,
    ) -> None:
        self.by = by
        self.across = across
        self.measure = measure
        self.current = current
        self.base = base
