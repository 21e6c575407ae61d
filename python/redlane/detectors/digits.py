"""Invented numbers."""

from __future__ import annotations

from redlane.detectors.base import Detector


class Digits(Detector):
    """Are the declared values of a trader invented?

    Use it to find traders whose values have unusual first two digits, or too many round numbers. The expected digits
    are those of other traders of the same HS chapters, not those of Benford's law: the values of a single trader need
    not follow that law.

    Do not use it for traders with few values, with one product, or with fixed prices; the first two get no score. Fixed
    prices from a price list can look invented.

    - `score` is -log10 of the p-value, one for each trader.
    - `p_value` is the smaller p-value of two tests, times two: of the first two digits of values that are not round
      (chi-square), and of the share of round values (beta-binomial). A value of three digits or more is round if only
      zeros follow its first two digits; the share is that of values of four digits or more.
    - `observed` is the mean absolute deviation of the shares of the first two digits from the expected shares.
      `expected` is the deviation that chance gives for this number of values. For comparison: against Benford's law,
      0.0022 counts as nonconforming (Nigrini 2012).

    Limits: values of one trader depend on each other, and traders differ in their habit of rounding, so both statistics
    vary more than independent values would. This is corrected with the variation among traders, but only if 20 of them
    or more have a score. If more than 3 % of traders round far more than the others, that counts as a habit.

    Parameters
    ----------
    entity
        The key whose values are traders: `importer`, `exporter`, or any other as in `Shipments.aggregate`.
    min_values
        The smallest number of values of 10 or more: at least 50.
    min_products
        The smallest number of HS chapters. The digits of the prices of one product need not follow any law.

    Scores
    ------
    One row for each trader: its key, `score`, `p_value`, `direction` (null), `observed`, `expected`, `peer`, `n_peers`
    (number of values), `caution`, `reason`, `digits_p` (of the first test), `round_share`, `round_expected` and
    `round_p` (of the second test). A score is null if the trader has too few values or HS chapters.

    State
    -----
    One row for each trader and HS chapter: the keys, `n`, and `digits`: the first two digits of each value, plus 1000
    if the value has four digits or more, 2000 if it is round as well, 3000 if it has three digits and is round.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> rl.Digits(entity="importer").fit_score(ships).column_names[:3]
    ['importer', 'score', 'p_value']

    See docs/methods.md, section `Digits`.
    """

    def __init__(self, *, entity: str = "importer", min_values: int = 100, min_products: int = 3) -> None:
        self.entity = entity
        self.min_values = min_values
        self.min_products = min_products
