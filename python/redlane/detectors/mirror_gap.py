"""Two reports of one flow."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class MirrorGap(Detector):
    """Do the exporter's and importer's reports of a flow disagree beyond freight and insurance?

    The importer's reports are moved back by the usual lag (the middle number of days between the two reports of
    flows with one record each), then both sides are summed by flow and period. Where both report, the gap is
    ln(import / export), with the benefit of the doubt where `max_lag` leaves open to which period imports belong, less
    what is usual on the route and for the product (medians, drawn to that of all): freight,
    insurance, mark-ups. Its score is in spreads of all gaps (1.4826 MAD), its p-value by their tails. Where one side
    is silent, also within `max_lag`, the flow is

    - ``"lost"``: it left and never arrived; or
    - ``"orphan"``: it arrived and never left;

    with the p-value q^n for n records, q being the share of such records that the silent side's country misses,
    drawn to the share of all (the score is -log10 p). A country that never reports as that side is no partner: null.

    How far reporters can be relied on is estimated jointly by the Growth Lab's iteration: with D = |X - M| / (X + M)
    of a pair of countries, an exporter's reliability is its number of partners over the sum of D times theirs, and
    the other way round, 25 times, scaled to a mean of one. `reconciled` weighs both reports by exp(reliability).

    Parameters
    ----------
    by
        Keys of flows; they must hold `origin` and `destination`.
    every
        ``"month"``, ``"quarter"``, ``"year"``, ...
    measure
        A sum: ``"value"``, ``"net_weight"``.
    max_lag
        Days that the importer's report may come later before it counts as missing.

    Scores
    ------
    A row a flow and period: the keys, `period` (first day), `score`, `p_value`, `direction`, `observed` (the
    importer's report), `expected` (the exporter's, with the usual gap), `peer` (the route), `n_peers` (routes),
    `caution`, `reason`, `class` (``"both"``, ``"lost"``, ``"orphan"``), `export`, `import`, `gap`, `usual_gap`
    (logarithms), `ghost_share` (1 - import / export), `reconciled`, `reliability_exporter`, `reliability_importer`.

    State
    -----
    A row a flow and side: keys, `n`, cells by day, `expected` (log gap), `scale`, `lag` (days).

    Raises
    ------
    MissingColumnError
        Shipments without `date`, `reported_by`, a key or the measure.
    ArgumentError
        Keys without origin and destination, records of one side only.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(50_000).ships
    >>> scores = rl.MirrorGap(every="year").fit_score(ships)
    >>> sorted(set(scores["class"].to_pylist()))
    ['both', 'lost', 'orphan']
    """

    def __init__(
        self,
        *,
        by: Sequence[str] = ("hs6", "origin", "destination"),
        every: str = "quarter",
        measure: str = "value",
        max_lag: int = 60,
    ) -> None:
        self.by = by
        self.every = every
        self.measure = measure
        self.max_lag = max_lag
