"""Partners that are rare for a product."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class Rarity(Detector):
    """How surprising is this partner for this product?

    The score is -ln p(of | given), with the probability smoothed by the method of Witten and Bell (1991): in a
    group with D distinct partners among n shipments, p = (count + D q) / (n + D), where q is the partner's share
    of all shipments, (count + 1) / (N + partners + 1).

    Parameters
    ----------
    of
        The key whose values are partners: `origin`, `importer`, or any other as in `Shipments.aggregate`.
    given
        The keys of the group.

    Scores
    ------
    A row a shipment, in source order: `row`, `score` (0 or more, in nats), `p_value`, `direction` (null),
    `observed` (the probability), `expected` (the partner's share of all shipments), `peer`, `n_peers`,
    `caution`, `reason`, `lift`: P(partner, group) / (P(partner) P(group)) as in Das and Schneider (2007), below
    1 where they meet less often than chance would have it.

    The p-value is conformal: the share of the group's shipments, this one among them, whose partner occurs no
    more often in the group. A group in which many partners come once therefore makes no partner odd.
    `fit_score` counts each shipment once; `score` takes shipments as new ones. A score is null where nothing
    was fitted for its group.

    State
    -----
    A row a pair: the keys, `n` shipments, `probability`.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.Rarity(of="origin", given=("hs6",)).fit_score(ships)
    >>> scores.column_names[-1]
    'lift'
    """

    def __init__(self, *, of: str = "origin", given: Sequence[str] = ("hs6",)) -> None:
        self.of = of
        self.given = given
