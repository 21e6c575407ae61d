"""Partners that are rare for a product."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector


class Rarity(Detector):
    """How rare is this partner (origin, importer, ...) for this product?

    Use it to look for unusual origins, wrong codes and false declarations of origin: shipments whose partner seldom
    occurs in their group, by default the HS code. Any pair of keys works, such as importer and exporter.

    Do not use it where most partners of a group occur only once, such as importers of a rare product: then no partner
    is unusual. It does not look at amounts; a partner with one large shipment is as rare as one with one small
    shipment.

    - `score` is -ln of the smoothed probability of the partner in its group (0 or more, in nats).
    - `p_value` is the probability of a partner at most as probable as this one, with this shipment left out. For a
      partner that has other shipments in the group, it is the share of the shipments of the group whose partner occurs
      no more often. For one that has none, it is the probability of a new partner in the group times the share of such
      partners that are at most as frequent in all data. It is null in a group of one shipment.
    - `observed` is the smoothed probability, `expected` the share of the partner in all shipments.
    - `lift` is the probability of partner and group together, divided by the product of their separate probabilities.
      Below 1 they occur together less often than expected by chance.

    Limits: new partners are not wrong by themselves. Within one data set, only partners that are rare in all data can
    become findings at a low false discovery rate: wrong partners that are common elsewhere cannot be told from honest
    new ones, because they are among those from which the rate of new partners is learnt. A fit on earlier data without
    anomalies (`history`) finds them.

    Parameters
    ----------
    of
        The key whose values are partners: `origin`, `importer`, or any other as in `Shipments.aggregate`.
    given
        The keys of the group.

    Scores
    ------
    One row for each shipment, in source order: `row`, `score`, `p_value`, `direction` (null), `observed`, `expected`,
    `peer`, `n_peers`, `caution`, `reason`, `lift`. `fit_score` counts each shipment once. `score` treats shipments as
    new ones, which are added to those fitted. A score is null if no shipment was fitted for the group.

    State
    -----
    One row for each pair of group and partner: the keys, `n` shipments, `probability`.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.Rarity(of="origin", given=("hs6",)).fit_score(ships)
    >>> scores.column_names[-1]
    'lift'

    See docs/methods.md, section `Rarity`.
    """

    def __init__(self, *, of: str = "origin", given: Sequence[str] = ("hs6",)) -> None:
        self.of = of
        self.given = given
