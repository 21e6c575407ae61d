"""Invented numbers."""

from __future__ import annotations

from redlane.detectors.base import Detector


class Digits(Detector):
    """Does somebody invent numbers?

    For each entity: do the first two digits of its values stray from those of other traders of the same HS
    chapters (chi-square, cells joined until each is expected to hold five values; degrees of freedom after Haldane
    1937), and are more of its values of four digits or more round (nothing but zeros behind the first two;
    binomial)? Benford's law itself is no null for
    one trader (Cerioli et al., PNAS 2019), so the expected digits are its peers', with 200 values' weight
    drawn to all products' and to Benford's. One trader's values hang together and spread wider than independent
    ones: with 20 entities or more, both statistics are measured against their own spread among entities. The
    two p-values are combined after Cauchy (Liu and Xie 2020).

    Parameters
    ----------
    entity
        The key whose values are traders: `importer`, `exporter`, or any other as in `Shipments.aggregate`.
    min_values
        Fewest values of 10 or more, 50 at least.
    min_products
        Fewest HS chapters: the digits of one product's prices need not be anybody's law.

    Scores
    ------
    A row an entity: its key, `score` (-log10 p), `p_value`, `direction` (null), `observed` (mean absolute
    deviation of the shares of first two digits from the expected ones; Nigrini 2012 calls 0.0022 nonconforming
    against Benford) and `expected` (what chance gives for so many values), `peer`, `n_peers` (values), `caution`,
    `reason`, `digits_p`, `round_share`, `round_expected`, `round_p`. Null where values or chapters are too few.

    State
    -----
    A row an entity and HS chapter: the keys, `n`, and `digits`, the first two digits of each value, 1000 more
    where it has four digits or more and 2000 more where it is round besides.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> rl.Digits(entity="importer").fit_score(ships).column_names[:3]
    ['importer', 'score', 'p_value']
    """

    def __init__(self, *, entity: str = "importer", min_values: int = 100, min_products: int = 3) -> None:
        self.entity = entity
        self.min_values = min_values
        self.min_products = min_products
