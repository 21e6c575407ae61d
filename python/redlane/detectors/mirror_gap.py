"""Two reports of the same flow."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class MirrorGap(Detector):
    """Do the reports of exporter and importer differ by more than freight and insurance?

    Use it where the data hold both reports of a flow (role `reported_by`): mirror statistics of two countries. The two
    reports are summed by flow and period and compared. Large gaps point to undervaluation, wrong origins or goods that
    never arrived.

    Do not use it with the reports of one side only. Records that one side publishes later than `max_lag` look missing.

    - `class` is ``"both"`` if both sides report, ``"lost"`` if only the exporter reports (goods left and did not
      arrive), ``"orphan"`` if only the importer reports (goods arrived and did not leave).
    - `score`: for ``"both"``, the gap ln(import / export) beyond the usual gap of the route and the product, in scales
      of all gaps. For the other classes it is -log10 of the p-value.
    - `p_value`: for ``"both"``, from the tails of all gaps. For the other classes, the probability that the country
      that does not report misses this many records.
    - `observed` is the importer's report, `expected` the exporter's report with the usual gap.
    - `reliability_exporter` and `reliability_importer` say how well the reports of a country agree with those of its
      partners. `reconciled` is an average of both reports, weighted by reliability.

    Limits: if `max_lag` leaves open to which period some imports belong, the gap closest to the usual one is taken. A
    country that never reports as that side is not a partner: its flows have no score.

    Parameters
    ----------
    by
        Keys of flows. They must hold `origin` and `destination`.
    every
        ``"month"``, ``"quarter"``, ``"year"``, ...
    measure
        A sum: ``"value"``, ``"net_weight"``.
    max_lag
        The number of days by which the importer's report may be later before it counts as missing.

    Scores
    ------
    One row for each flow and period: the keys, `period` (first day), `score`, `p_value`, `direction`, `observed`,
    `expected`, `peer` (the route), `n_peers` (number of routes), `caution`, `reason`, `class`, `export`, `import`,
    `gap` and `usual_gap` (logarithms), `ghost_share` (1 - import / export), `reconciled`, `reliability_exporter`,
    `reliability_importer`.

    State
    -----
    One row for each flow and side: keys, `n`, cells by day, `expected` (log gap), `scale`, `lag` (days).

    Raises
    ------
    MissingColumnError
        The shipments lack `date`, `reported_by`, a key or the measure.
    ArgumentError
        The keys lack origin or destination, or all records are of one side.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(50_000).ships
    >>> scores = rl.MirrorGap(every="year").fit_score(ships)
    >>> sorted(set(scores["class"].to_pylist()))
    ['both', 'lost', 'orphan']

    See docs/methods.md, section `MirrorGap`.
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
