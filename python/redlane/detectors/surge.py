"""Flows that jump, shift or collapse."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class Surge(Detector):
    """Did a flow jump or collapse?

    Every flow (a combination of `by`) is measured period by period and gets a robust baseline: level, slow trend,
    season where two of them are there, and at most one level shift, all by medians, so that the anomaly cannot pull
    what it is measured by (the model of Rousseeuw, Perrotta, Riani and Hubert 2019). The date of a shift is where
    two levels fit best (an exact scan of absolute deviations); it is kept where it pays for itself by the Schwarz
    criterion. Then every period is measured against the baseline:

    - numbers of things (`shipments`, `<column>.distinct`) on 2 sqrt(n + 3/8) (Anscombe 1948), with a spread of at
      least what chance gives, by the negative binomial;
    - a flow with records in at least half of the periods, or a measure that is no sum, on logarithms;
    - one that mostly rests like a count, n being its value in typical records, so that a few records after a pause
      are no alarm; it has no season, and a shift only where it had records in at least half of the periods up to
      some date or from one on; both by Student's t.

    p-values follow tails learnt from all flows, as for `UnitValue`. A shift is one finding, in the period where it
    begins: its score is its size in standard errors (widened for what neighbouring periods have in common), its
    p-value counts every date as one that might have been. Later periods are measured against the new level.

    Parameters
    ----------
    by
        Keys of the flows, as in `Shipments.aggregate`; no period.
    every
        ``"day"``, ``"week"``, ``"month"``, ``"quarter"`` or ``"year"``; seasons are 7, 52, 12, 4 and 1 of them.
    measure
        Any measure of `Shipments.aggregate`: ``"value"``, ``"shipments"``, ``"unit_value.median"``,
        ``"importer.hhi"`` (concentration), ...
    mode
        ``"whole"``: each period against the whole history; ``"expanding"``: each period against those before it
        alone, as it would have been judged when it came. Shifts can only be told apart afterwards, so an expanding
        fit names none.
    min_periods
        Fewest periods the data must have, 6 or more; an expanding fit judges from there on.

    Scores
    ------
    A row a flow and period: the keys, `period` (its first day), `score` (spreads, or standard errors of a shift),
    `p_value`, `direction`, `observed`, `expected` (at a shift: without it), `peer`, `n_peers` (periods), `caution`,
    `reason`, `kind` (``"spike"``, ``"dip"``, ``"shift"``, ``"collapse"``: a shift to a tenth or less; null where
    nothing is out of the ordinary), and of a shift `shift` (first day), `before` and `after` (medians of the
    measure). A flow that trades in half of the periods or more has a row in each of them, an empty one being zero;
    one that mostly rests has rows where it has records, and where it shifted. Records without a date are in no flow.

    State
    -----
    A row a flow: the keys, `n`, `level` and `scale` (on the scale named by `form`), `before`, `after`, `shift`, and
    the cells (`periods`, days since 1970-01-01; `records`; `values`). Sums merge to the bits of all records at
    once; other measures merge where the fits have no flow and period in common.

    Raises
    ------
    MissingColumnError
        Shipments without the role `date`, or without a key or the measure.
    ArgumentError
        Fewer periods than `min_periods`, a period among the keys, an unknown `every` or `mode`.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(50_000).ships
    >>> scores = rl.Surge(by=("hs6", "destination"), measure="shipments").fit_score(ships)
    >>> scores.column_names[:4]
    ['hs6', 'destination', 'period', 'score']
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
