"""Duplicates and split consignments."""

from __future__ import annotations

from redlane.detectors.base import Detector


class Repeats(Detector):
    """The same consignment twice, or one consignment in pieces?

    Each shipment is compared with those of the same code, parties, countries and reporting side (as far as
    these roles are there) up to `window` days off:

    - a duplicate has the very same day, value and weight;
    - a near duplicate has a value that differs by no more than `tolerance`;
    - a split lies, like others, less than `band` under `threshold`, and together they exceed it.

    Each count is judged by the binomial tail P(X >= like), X of `among` trials with the rate at which other
    parties' shipments of the code do the same, (matches + 1/2) / (shipments + 1); for a near duplicate no less
    than the rate among the parties' own shipments outside the window, because a standing order repeats
    itself. The p-value is the least of them times how many were asked (Bonferroni).

    Parameters
    ----------
    window
        Days on either side, 0 or more.
    tolerance
        Share by which values of near duplicates may differ, 0 to 0.5.
    threshold
        A value that consignments may be kept under, in the currency of the source, such as a duty-free limit.
        Without it splits are not looked for.
    band
        How far under the threshold is just under it, as a share.

    Scores
    ------
    A row a shipment, in source order: `row`, `score` (-log10 p; 0 where nothing is like it), `p_value`,
    `direction` (null), `observed` (others like it) and `expected` (by chance), `peer`, `n_peers`, `caution`,
    `reason`, `kind` (`duplicate`, `near duplicate`, `split` or null). Null where the date is missing or the value
    is missing, zero or negative.

    `fit_score` compares shipments with each other, `score` with those that were fitted.

    State
    -----
    A row a group of the same code and parties: the keys, `n`, lists of `days` (since 1970-01-01), `values`,
    `weights`.

    Examples
    --------
    >>> import redlane as rl
    >>> sample = rl.samples.shipments(20_000)
    >>> scores = rl.Repeats(threshold=10_000).fit_score(sample.ships).to_pandas()
    >>> planted = set(r["row"] for r in sample.truth.to_pylist() if r["pattern"] == "split")
    >>> bool((scores.loc[sorted(planted), "kind"] == "split").mean() > 0.9)
    True
    """

    def __init__(
        self,
        *,
        window: int = 7,
        tolerance: float = 0.01,
        threshold: float | None = None,
        band: float = 0.1,
    ) -> None:
        self.window = window
        self.tolerance = tolerance
        self.threshold = threshold
        self.band = band
