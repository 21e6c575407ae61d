"""Trade that goes round through third countries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from redlane.detectors.base import Detector
from redlane.shipments import Window


class Diversion(Detector):
    """Did trade that stopped going direct go round through a third country?

    For every product and intermediary three legs before and after the event: direct from the origins to the target,
    in from the origins to the intermediary, and onward from there to the target. Each leg's change is a log ratio in
    standard errors, that of the leg in beyond the product's growth in the rest of the world (the middle of its growth
    to the other destinations, where there are five that count; none is assumed where not). The score is the root
    harmonic mean square of drop, growth and growth, which is near the weakest of them and grows with all; where a leg
    went the other way it is 0.

    The p-value is the share of placebo scores as large, one added: the same score at every month before the event
    that leaves room for two windows side by side, and the growth of products whose direct trade did not fall at the
    event itself. Where there are a thousand of them, their generalised Pareto tail is followed beyond the largest
    (Hosking and Wallis 1987).

    Parameters
    ----------
    target
        The destination, as the data write it.
    event
        The day: a date or ``"2022-02-24"``.
    through
        Intermediaries; all other destinations, where not given.
    by
        Keys of products; `hs6`, or one product in all where the data have no HS codes.
    origins
        Origins; all but the target and the intermediary, where not given.
    measure
        A sum: ``"value"``, ``"net_weight"``, ``"quantity"``.
    before, after
        Windows as in `Shipments.compare`; the calendar years before and after that of the event where the data hold
        them whole, or else the twelve months next to it.

    Scores
    ------
    A row a product and intermediary: the keys, `through`, `score` (standard errors, see above), `p_value`,
    `direction` (of the leg in), `observed` (the leg in, after), `expected` (by the world's growth), `peer`, `n_peers`
    (placebos), `caution`, `reason`, `direct_before`, `direct_after`, `lost`, `in_before`, `in_after`, `in_expected`,
    `excess`, `onward_before`, `onward_after` (null where the data hold no trade from the intermediary on),
    `substitution_ratio` (excess / lost; null where nothing was lost), `placebos`, and the months of the three legs:
    `direct_series`, `in_series`, `onward_series` from `series_from` on. Origins that look like sums of others (by
    name, or because every month equals the rest) get a caution.

    State
    -----
    A row a product, origin and destination: keys, `n`, and cells by month.

    Raises
    ------
    MissingColumnError
        Shipments without the roles `date`, `origin`, `destination`, or without the measure.
    ArgumentError
        A target that is no destination, an event outside the data, windows on the wrong side of it.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(100_000).ships
    >>> scores = rl.Diversion(target="RU", event="2022-03-01").fit_score(ships)
    >>> best = max(scores.to_pylist(), key=lambda r: r["score"] or 0)
    >>> best["hs6"], best["through"]
    ('848210', 'KG')
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
