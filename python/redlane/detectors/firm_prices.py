"""Firms whose whole record of prices is unusual."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class FirmPrices(Detector):
    """Do the prices of a firm lie to one side, or are a few of them extreme?

    Use it to find firms that undervalue (or overvalue) a little in many shipments. No single one of these shipments is
    unusual, but all of them together are. Every shipment is compared with its peer group as `UnitValue` does it, and
    the result is read as a standard normal number (the signed score). Two tests of all signed scores of a firm follow:

    - **One side**: is the mean signed score far from zero, measured by how much honest firms differ? They differ in
      quality and contracts. This variation is estimated robustly from all firms and from the products of each firm.
    - **A few extremes**: are more of its shipments extreme than among other firms (higher criticism, Donoho and Jin
      2004)? Extreme means far from the prices that are usual for this firm and product. A single extreme shipment is no
      evidence, because it may be an error.

    The peers are the shipments of others. If more than a tenth of a peer group are the firm's own, its usual price is
    computed again without them. If too few shipments of others are left, the next coarser group is used.

    Do not use it where names of firms are missing or written in several ways. It cannot tell low declarations from
    goods of lower quality under the same code: a firm that trades only such goods is a finding too. The caution says if
    nearly all its shipments are in one peer group.

    - `score` is -log10 of the p-value, one for each firm.
    - `p_value` is twice the smaller of `one_sided_p` and `higher_criticism_p`.
    - `direction` is `high` or `low`: the side of the mean or, if the extremes say more, of most extreme shipments.
    - `observed` is the median price relative to the usual prices of the peers; `expected` is 1.

    Limits: among firms that differ much, only a large difference is unusual. With few firms little is known about how
    honest firms differ, and p-values are larger. A finding is a reason to look, not proof of wrongdoing.

    Parameters
    ----------
    entity
        The key or keys whose values are firms: ``"importer"``, ``"exporter"``, ``("exporter", "importer")``, or any
        other column.
    measure, by, backoff, min_peers
        How a single price is compared, as in `UnitValue`. `min_peers` counts the shipments of others.
    min_shipments
        The smallest number of shipments with a price and peers: 5 or more.

    Scores
    ------
    One row for each firm: its keys, `score`, `p_value`, `direction`, `observed`, `expected`, `peer`, `n_peers`
    (shipments of others in its peer groups), `caution`, `reason`, and the evidence: `shipments` (with a price and
    peers), `products` (peer groups), `mean_score` (products weighted by their precision; a single score counts at most
    2.5), `share_below` (share of shipments below the usual price), `one_sided` (standard deviations of honest firms
    from zero) and `one_sided_p`, `extreme_shipments`, `higher_criticism` and `higher_criticism_p`, `value_gap` (value
    less the value at usual prices; null if `measure` has no value). The score is null if the firm has too few
    shipments.

    `caution` holds the first of these that applies: more than half of its shipments are in peer groups where most
    shipments are its own; nine tenths or more of its shipments are in one peer group.

    State
    -----
    One row for each firm and finest peer group: the keys, `n`, `level` (of the back-off that compares it, from 0),
    `mean_score`, `variance_firms`, `variance_products` and `variance_within` (how much the scores vary among firms,
    and at this level among the products of a firm and within a product), `measure`, and `members` (the sorted log
    prices).

    Raises
    ------
    MissingColumnError
        The shipments lack a role or a key.
    ArgumentError
        An unknown measure, no entity, `min_peers` below 3, or `min_shipments` below 5.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.FirmPrices(entity="importer").fit_score(ships)
    >>> scores.column_names[:4]
    ['importer', 'score', 'p_value', 'direction']
    >>> pairs = rl.FirmPrices(entity=("exporter", "importer")).fit_score(ships)
    >>> pairs.column_names[:2]
    ['exporter', 'importer']

    See docs/methods.md, section `FirmPrices`.
    """

    def __init__(
        self,
        *,
        entity: str | Sequence[str] = "importer",
        measure: str = "value/net_weight",
        by: Sequence[str] = ("hs6", "origin"),
        backoff: Sequence[Sequence[str]] = (("hs6",), ("hs4",)),
        min_peers: int = 20,
        min_shipments: int = 10,
    ) -> None:
        self.entity = entity
        self.measure = measure
        self.by = by
        self.backoff = backoff
        self.min_peers = min_peers
        self.min_shipments = min_shipments
