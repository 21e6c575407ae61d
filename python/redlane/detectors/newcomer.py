"""Firms, or pairs of firms, that are new and already large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redlane.detectors.base import Detector
from redlane.detectors.parameters import plain
from redlane.errors import ArgumentError
from redlane.shipments import day_text
from redlane.table import Table


class Newcomer(Detector):
    """Is a firm (or a pair of firms) new in the data and already large?

    Use it to look for firms set up for one purpose, such as to trade around sanctions. An entity is new if its first
    record comes after the first `burn_in` days of the data, or after `dormant` days without a record. Its volume in the
    `window` days from then is compared with that of other newcomers of the same product and year.

    Do not use it where names of firms are missing or written in several ways: each spelling is a new firm. Do not use
    it for data much shorter than `burn_in` plus `window`.

    - `score` is the distance of the log volume above the median of its cohort of newcomers, in scales; 0 if below.
    - `p_value` is the probability of a distance at least as large among all newcomers. Only large volumes are unusual.
    - `observed` is the volume in the window, `expected` the median of the cohort, scaled to the days that the data
      hold.
    - `first_seen`, `slept_since`, `founded`, `days` and `records` are the evidence.

    Limits: a firm that is older than the data looks new. Pass `founded` if you know founding dates; a firm that was old
    when it was first seen then gets a caution. An entity with its first record less than 30 days before the end of the
    data has no score.

    Parameters
    ----------
    entity
        One or more keys: ``"importer"``, ``("exporter", "importer")``, ``("importer", "hs4")``.
    window
        Days from the first record for which the volume is counted, 30 or more.
    burn_in
        Days at the start of the data. An entity seen in them does not count as new, because it may be older than the
        data.
    dormant
        Days without a record after which an entity counts as new again.
    measure
        A sum: ``"value"``, ``"net_weight"``, ``"shipments"``.
    min_peers
        The smallest number of newcomers in a cohort.
    founded
        Founding dates by the first key of the entity, where you know them: a mapping from name to date, or a table with
        two columns, name and date. The reason shows them.

    Scores
    ------
    One row for each entity: its keys, `score`, `p_value`, `direction`, `observed`, `expected`, `peer` (the cohort),
    `n_peers`, `caution`, `reason`, `first_seen`, `slept_since` (the last record before a pause of `dormant` days),
    `founded`, `days` (of the window, in the data), `records`. A score is null if the entity was there from the start,
    or came less than 30 days before the end. When later records are scored, entities that were fitted keep their
    scores. Entities not seen before count as new, and their days run to the end of the records scored.

    State
    -----
    One row for each entity and HS heading: the keys, `n`, the cells by day, `first_seen`, `volume`, `centre`, `scale`.

    Raises
    ------
    MissingColumnError
        The shipments lack the role `date`, a key or the measure.
    ArgumentError
        The data are shorter than the burn-in, or the measure is not a sum.

    Examples
    --------
    >>> import redlane as rl
    >>> sample = rl.samples.shipments(50_000)
    >>> founded = {"Vostok Prime Trading LLC KG": "2022-11-30"}
    >>> scores = rl.Newcomer(entity="importer", founded=founded).fit_score(sample.ships)
    >>> best = max(scores.to_pylist(), key=lambda r: r["score"] or 0)
    >>> best["importer"]
    'Vostok Prime Trading LLC KG'

    See docs/methods.md, section `Newcomer`.
    """

    def __init__(
        self,
        *,
        entity: str | Sequence[str] = "importer",
        window: int = 365,
        burn_in: int = 180,
        dormant: int = 730,
        measure: str = "value",
        min_peers: int = 20,
        founded: Any = None,
    ) -> None:
        self.entity = entity
        self.window = window
        self.burn_in = burn_in
        self.dormant = dormant
        self.measure = measure
        self.min_peers = min_peers
        self.founded = founded

    @staticmethod
    def _plain(name: str, value: Any) -> Any:
        return _founded(value) if name == "founded" else plain(name, value)


def _founded(given: Any) -> list[list[str]] | None:
    """Names and dates as pairs."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, (list, tuple)):
        pairs = list(given)
    else:
        table = Table(given)
        if len(table.column_names) < 2:
            raise ArgumentError("founded must have two columns: names and founding dates")
        columns = [table[name].to_pylist() for name in table.column_names[:2]]
        pairs = list(zip(*columns, strict=True))
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise ArgumentError("founded holds names with founding dates: a mapping, pairs, or a table of two columns")
    return [[str(name), day_text(date)] for name, date in pairs if name is not None and date is not None]
