"""Flows with spikes, level shifts or collapses."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class Surge(Detector):
    """Did a flow rise or fall suddenly?

    Use it for time series of trade: one for each combination of `by`, with one value for each period. Each series gets
    a robust baseline: a level, a slow trend, a season (if the data hold two of them) and at most one level shift. The
    baseline is made of medians, so an anomaly cannot move the values it is compared with.

    Do not use it for short series, or for series with several level shifts: it finds one at most. It does not compare
    flows with each other; `Divergence` does.

    A flow has one test, and so one p-value: of its largest level shift or its most distant period, whichever is less
    likely. The choice among all dates and periods is accounted for, and so are season, drift, and dependence of
    neighbouring periods. `fdr` and `screen` then control the rate of false flows.

    - `score` is the distance of the period from the baseline, in scales of the series. In the period where a level
      shift begins it is the size of the shift in standard errors.
    - `p_value` is that of the flow. It stands on the row that the test points to: the first period of the shift, or the
      most distant period. It is null on all other rows of the flow. If a fit scores periods after those it was fitted
      on, these have a test and a p-value of their own: of the most distant of them.
    - `kind` is ``"spike"``, ``"dip"``, ``"shift"`` or ``"collapse"`` (a shift to a tenth or less); null where nothing
      is unusual. A shift is one finding, in the period where it begins. Later periods are compared with the new level.
    - `observed` and `expected` are the measured value and the value of the baseline (at a shift: without the shift).

    Limits: the last period of a file is often incomplete. Flows with records in less than half of the periods have no
    season. One large consignment in a thin flow is unusual only beside four or more others. Levels that wander by
    themselves are recognised from 20 flows on, and a shift of such a level must be larger. A weak drift in a few of
    many flows may pass for a shift. With a few flows instead of some dozens, p-values are large.

    Parameters
    ----------
    by
        Keys of the flows, as in `Shipments.aggregate`; no period.
    every
        ``"day"``, ``"week"``, ``"month"``, ``"quarter"`` or ``"year"``. A season has 7, 52, 12, 4 and 1 of them.
    measure
        Any measure of `Shipments.aggregate`: ``"value"``, ``"shipments"``, ``"unit_value.median"``, ``"importer.hhi"``
        (concentration), ...
    mode
        ``"whole"``: each period is compared with the whole history. ``"expanding"``: each period is compared with
        earlier periods only, as at the time when it was reported. A shift can be recognised only afterwards, so an
        expanding fit names none.
    min_periods
        The smallest number of periods in the data, 6 or more. An expanding fit scores later periods only.

    Scores
    ------
    One row for each flow and period: the keys, `period` (its first day), `score`, `p_value`, `direction`, `observed`,
    `expected`, `peer`, `n_peers` (number of periods), `caution`, `reason`, `kind`, and for a shift `shift` (first day),
    `before` and `after` (medians of the measure; means of a flow with records in less than half of the periods). If the
    measure is a sum, a flow with records in half of the periods or more has a row for every period; a period without
    records counts as zero. Other flows have rows for the periods with records, and for the period of a shift. Records
    without a date belong to no flow.

    State
    -----
    One row for each flow: the keys, `n`, `level` and `scale` (on the transformed scale that `form` names), `before`,
    `after`, `shift`, and the cells: `periods` (days since 1970-01-01), `records`, `values`. Sums merge to the same bits
    as a fit on all records at once. Other measures merge if the fits have no flow and period in common.

    Raises
    ------
    MissingColumnError
        The shipments lack the role `date`, a key or the measure.
    ArgumentError
        Fewer periods than `min_periods`, a period among the keys, or an unknown `every` or `mode`.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(50_000).ships
    >>> scores = rl.Surge(by=("hs6", "destination"), measure="shipments").fit_score(ships)
    >>> scores.column_names[:4]
    ['hs6', 'destination', 'period', 'score']

    See docs/methods.md, section `Surge`.
    """

    def __init__(
        self,
        *,
        by: Sequence[str] = ("hs6", "destination"),
        every: str = "month",
        measure: str = "value",
        mode: str = "whole",
        min_periods: int = 12,
    ) -> None:
        self.by = by
        self.every = every
        self.measure = measure
        self.mode = mode
        self.min_periods = min_periods
