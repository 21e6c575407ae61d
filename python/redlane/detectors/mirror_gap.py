"""Two reports of the same flow."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class MirrorGap(Detector):
    """Do the reports of exporter and importer differ by more than freight and insurance?

    Use it where the data hold both reports of a flow (role `reported_by`): mirror statistics of two countries. It has
    two tests. `test="gap"` compares the two reports of each flow and period: large gaps point to undervaluation, wrong
    origins or goods that never arrived. `test="change"` asks for each route whether its gap moved to another level, as
    that of exports to Armenia did in 2022: goods leave for a country and more of them than before do not arrive.

    Do not use it with the reports of one side only. Records that one side publishes later than `max_lag` look missing.

    With `test="gap"`:

    - `class` is ``"both"`` if both sides report, ``"lost"`` if only the exporter reports (goods left and did not
      arrive), ``"orphan"`` if only the importer reports (goods arrived and did not leave).
    - `score`: for ``"both"``, the gap ln(import / export) beyond the usual gap of the route and the product, in the
      scale of flows of this size on this route. For the other classes it is -log10 of the p-value.
    - `p_value`: for ``"both"``, from the tails of all gaps. For the other classes it follows from the share of flows at
      least as large that the country misses. Whole flows are often missing, so a missing report is mostly a lead and
      seldom a finding.
    - `observed` is the importer's report, `expected` the exporter's report with the usual gap.
    - `reliability_exporter` and `reliability_importer` say how well the reports of a country agree with those of its
      partners. `reconciled` is an average of both reports, weighted by reliability.

    With `test="change"`:

    - One p-value for each route (origin and destination), from the totals of all its products that both sides report in
      some period.
    - `since` is the first period on the new level. `gap_before` and `gap_after` are the mean gaps ln(import / export)
      of the two levels, `change` is their difference, `common_change` the part of it that all routes have in common.
    - `score` is the rest of the change in standard errors. Gaps of neighbouring periods are alike, and the standard
      errors take that into account.
    - `observed` is the imports since the change, `expected` the imports if the gap had stayed as it was.

    Limits: if the usual lags leave open to which period some imports belong, the gap closest to the usual one is taken.
    So is it if a neighbouring period has too much or too little: a late report moves from one to the other. A period
    that one side reports only just before or after has no score.
    A country that never reports as that side is not a partner: its flows have no score. A country that begins or ends
    to report looks like a change; a caution says so. What most routes have in common is no change of one of them, so
    the data should hold more routes than the suspected ones.

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
    test
        ``"gap"`` for one row for each flow and period, ``"change"`` for one row for each route.

    Scores
    ------
    With `test="gap"` one row for each flow and period: the keys, `period` (first day), `score`, `p_value`, `direction`,
    `observed`, `expected`, `peer` (the route), `n_peers` (number of routes), `caution`, `reason`, `class`, `export`,
    `import`, `gap` and `usual_gap` (logarithms), `ghost_share` (1 - import / export), `reconciled`,
    `reliability_exporter`, `reliability_importer`.

    With `test="change"` one row for each route: `origin`, `destination`, `score`, `p_value`, `direction` (of the gap),
    `observed`, `expected`, `peer`, `n_peers` (routes from which the variation is learnt), `caution`, `reason`, `since`,
    `gap_before`, `gap_after`, `change`, `common_change`, `periods` (with reports), `export_series` and `import_series`
    (by period, beginning with `series_from`). A route needs eight periods, and reports of both sides.

    State
    -----
    One row for each flow and side: keys, `n`, cells by day, `expected` (log gap), `scale` (of the gap of a flow of
    middle size), `lag` (days).

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
    >>> routes = rl.MirrorGap(every="month", test="change").fit_score(ships)
    >>> routes.column_names[:3]
    ['origin', 'destination', 'score']

    See docs/methods.md, section `MirrorGap`.
    """

    def __init__(
        self,
        *,
        by: Sequence[str] = ("hs6", "origin", "destination"),
        every: str = "quarter",
        measure: str = "value",
        max_lag: int = 60,
        test: str = "gap",
    ) -> None:
        self.by = by
        self.every = every
        self.measure = measure
        self.max_lag = max_lag
        self.test = test
