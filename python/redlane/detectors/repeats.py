"""Duplicates and split consignments."""

from __future__ import annotations

from redlane.detectors.base import Detector


class Repeats(Detector):
    """Was a consignment declared twice, or split into several?

    Use it to look for duplicate records and for consignments that are split to stay under a threshold. Each shipment is
    compared with those of the same HS code, parties, countries and reporting side (as far as the data have these roles)
    within `window` days:

    - a duplicate has the same day, value and weight;
    - a near duplicate has a value that differs by no more than `tolerance`;
    - a split has, like other shipments, a value less than `band` under `threshold`, and together they exceed it.

    Do not use it for aggregated statistics. Where standing orders with fixed prices are the rule, it finds little:
    there a repetition says nothing. It needs the roles `date` and `value`, and `exporter` or `importer`.

    - `score` is -log10 of the p-value; 0 if no other shipment is similar.
    - `p_value` is the probability of so many similar shipments by chance. How often records agree by chance is learnt
      from shipments of the same parties and code that are further apart than `window`, pooled over parties and codes,
      and from other parties' shipments of the code. So standing orders, list prices and round quantities, which repeat,
      give large p-values, and odd amounts small ones.
    - `observed` is the number of similar shipments, `expected` the number expected by chance.
    - `kind` is `duplicate`, `near duplicate`, `split` or null.

    Limits: real repeated deliveries on one day look like duplicates. In data that are no longer than `window` nothing
    is known about repetition, so there are no findings. Splits need a threshold that you know.

    Parameters
    ----------
    window
        Days before and after the shipment, 0 or more.
    tolerance
        The share by which the values of near duplicates may differ, 0 to 0.5.
    threshold
        A value that consignments may be kept under, in the currency of the source, such as a duty-free limit. Without
        it the detector does not look for splits.
    band
        How far under the threshold a value may lie to be just under it, as a share.

    Scores
    ------
    One row for each shipment, in source order: `row`, `score`, `p_value`, `direction` (null), `observed`, `expected`,
    `peer`, `n_peers`, `caution`, `reason`, `kind`. A score is null if the date or the value is missing, or the value is
    zero or negative. `fit_score` compares the shipments with each other, `score` with those that were fitted.

    State
    -----
    One row for each group of the same code and parties: the keys, `n`, and lists of `days` (since 1970-01-01),
    `values`, `weights`.

    Examples
    --------
    >>> import redlane as rl
    >>> sample = rl.samples.shipments(20_000)
    >>> scores = rl.Repeats(threshold=10_000).fit_score(sample.ships).to_pandas()
    >>> planted = set(r["row"] for r in sample.truth.to_pylist() if r["pattern"] == "split")
    >>> bool((scores.loc[sorted(planted), "kind"] == "split").mean() > 0.9)
    True

    See docs/methods.md, section `Repeats`.
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
