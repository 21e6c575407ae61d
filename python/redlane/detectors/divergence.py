"""Destinations that move apart."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector
from redlane.shipments import Window


class Divergence(Detector):
    """Did one destination move apart from the others?

    The log growth of every product and destination between two windows, less what the product grew everywhere and
    what the destination grew in everything: two effects found by median polish (Tukey 1977), weighted by how well
    each growth is known. A growth is known as well as its two sums are worth records of one size, (sum v)^2 / sum
    v^2 (Kish 1965), so that one large consignment is no trend. The score is the rest in spreads, learnt from all
    pairs; p-values follow their tails. An empty window counts as half a typical record of the product: no growth is
    infinite.

    Parameters
    ----------
    by
        Keys of products.
    across
        The key that is compared: `destination`, `origin`, a column.
    measure
        A sum of a column: ``"value"``, ``"net_weight"``.
    current, base
        Windows as in `Shipments.compare`; the last twelve months of the data and the twelve before, where not given.

    Scores
    ------
    A row a product and destination: the keys, `score` (spreads), `p_value`, `direction`, `observed` (current value),
    `expected` (by the two effects), `peer`, `n_peers` (other destinations of the product), `caution`, `reason`,
    `base`, `current`, `growth` (current / base - 1), `growth_others` (of the product's other destinations together),
    `log_divergence` (the difference of the two log growths), `ratio_of_ratios` (its exponential), `against` (the
    destination of the product that went furthest the other way), `growth_against`. A score is null where a product
    has one destination only, or a window is negative.

    State
    -----
    A row a product and destination: keys, `n`, cells (`periods`, `records`, `values`, `square_periods`, `squares`),
    `base`, `current`, `log_growth`, `expected`, `z`.

    Raises
    ------
    MissingColumnError
        Shipments without the role `date`, a key or the measure.
    ArgumentError
        Windows outside the data, or that overlap.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(100_000).ships
    >>> scores = rl.Divergence(current="2023", base="2022").fit_score(ships)
    >>> best = max(scores.to_pylist(), key=lambda r: r["score"] or 0)
    >>> best["hs6"]
    '690912'
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
