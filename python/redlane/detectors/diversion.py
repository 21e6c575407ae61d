"""Trade through third countries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from redlane.detectors.base import Detector
from redlane.shipments import Window


class Diversion(Detector):
    """Did trade with a target go through a third country after an event?

    Use it for sanctions, embargoes and new duties. For each product and each intermediary it compares three legs before
    and after the event: direct trade from the origins to the target, trade from the origins to the intermediary, and
    trade from the intermediary to the target.

    Do not use it without a known event date. The p-value needs earlier dates for comparison, so the data must begin at
    least two windows before the event (two years with windows of a year).

    - `score` is high if the legs to and from the intermediary grew. It is close to the weaker of these two changes, in
      standard deviations of flows of the same size at earlier dates. It is 0 if one of them did not grow or the direct
      leg did not fall.
    - `p_value` is the share of placebo scores at least as high: scores at earlier dates, with disjoint windows.
      With few placebos it cannot be small: with N of them it is at least 1 / (N + 1), unless there are 1,000 or more.
      `by` keys that divide the trade further, such as the exporting country, give more placebos.
    - `observed` is the trade to the intermediary after the event, `expected` the trade if it had grown like that of the
      product in the rest of the world.
    - `excess` is the difference, `lost` the loss of direct trade, `substitution_ratio` is excess / lost.

    Limits: the score shows changes at the same time, not that the same goods moved on. If the data hold no trade of the
    intermediary with the target, only two legs are compared; a caution says so. If fewer than five other destinations
    count, no growth of the world is assumed.

    Parameters
    ----------
    target
        The destination, as the data write it.
    event
        The day: a date or ``"2022-02-24"``.
    through
        Intermediaries; by default all other destinations.
    by
        Keys of products. By default `hs6`, or one product in all if the data have no HS codes.
    origins
        Origins; by default all but the target and the intermediary. Name them where trade of other countries with the
        target may have replaced theirs: then direct trade does not seem to fall.
    measure
        A sum: ``"value"``, ``"net_weight"``, ``"quantity"``.
    before, after
        Windows as in `Shipments.compare`. By default they are the calendar years before and after that of the event, if
        the data hold them completely, and otherwise the twelve months next to the event.

    Scores
    ------
    One row for each product and intermediary: the keys, `through`, `score` (in standard deviations), `p_value`,
    `direction` (of the leg to the intermediary), `observed`, `expected`, `peer`, `n_peers` (number of placebos),
    `caution`, `reason`, `direct_before`, `direct_after`, `lost`, `in_before`, `in_after`, `in_expected`, `excess`,
    `onward_before`, `onward_after` (null if the data hold no trade from the intermediary to the target),
    `substitution_ratio` (null if nothing was lost), `placebos`, and the months of the three legs: `direct_series`,
    `in_series`, `onward_series`, beginning with `series_from`. Origins that look like sums of others (by their name, or
    because they equal the sum of the rest in every month) get a caution.

    State
    -----
    One row for each product, origin and destination: keys, `n`, and cells by month.

    Raises
    ------
    MissingColumnError
        The shipments lack the roles `date`, `origin` or `destination`, or the measure.
    ArgumentError
        The target is not a destination, the event lies outside the data, or a window lies on the wrong side of it.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(100_000).ships
    >>> scores = rl.Diversion(target="RU", event="2022-03-01").fit_score(ships)
    >>> best = max(scores.to_pylist(), key=lambda r: r["score"] or 0)
    >>> best["hs6"], best["through"]
    ('848210', 'KG')

    See docs/methods.md, section `Diversion`.
    """

    def __init__(
        self,
        *,
        target: str,
        event: str | dt.date,
        through: str | Sequence[str] | None = None,
        by: str | Sequence[str] | None = None,
        origins: str | Sequence[str] | None = None,
        measure: str = "value",
        before: Window | None = None,
        after: Window | None = None,
    ) -> None:
        self.target = target
        self.event = event
        self.through = through
        self.by = by
        self.origins = origins
        self.measure = measure
        self.before = before
        self.after = after
