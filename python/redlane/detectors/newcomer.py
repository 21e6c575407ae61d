"""Firms and pairs that are new and already large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redlane.detectors.base import Detector
from redlane.detectors.parameters import plain
from redlane.errors import ArgumentError
from redlane.shipments import day_text
from redlane.table import Table


class Newcomer(Detector):
    """A firm or pair first seen recently, already large?

    An entity is new when its first record comes after the burn-in of the data, or after a sleep of `dormant` days.
    Its volume over the `window` days from then (scaled up where the data end before) is compared, on logarithms,
    with that of other newcomers: of its main HS heading and year, of the heading, of its chapter and year, of the
    chapter, of the year, or of all, the first of these with `min_peers`. Centre and scale are median and 1.4826
    MAD, the scale shrunk to that of all newcomers. The p-value is that of the generalised Pareto tail of all
    excesses (probability-weighted moments, Hosking and Wallis 1987, what stands out being left out of a second
    fit); only large volumes are odd.

    Parameters
    ----------
    entity
        One or more keys: ``"importer"``, ``("exporter", "importer")``, ``("importer", "hs4")``.
    window
        Days from the first record over which volume counts, 30 or more.
    burn_in
        Days at the start of the data in which everybody is new, so nobody is.
    dormant
        Days without a record after which an entity counts as new again.
    measure
        A sum: ``"value"``, ``"net_weight"``, ``"shipments"``.
    min_peers
        Fewest newcomers of a cohort.
    founded
        Founding dates by the first key of the entity, where they are known: a mapping from name to date, or a table
        of two columns, name and date. They are told in the reason; a firm that is old when first seen gets a caution.

    Scores
    ------
    A row an entity: its keys, `score` (spreads above other newcomers), `p_value`, `direction`, `observed` (volume
    of the window), `expected` (the cohort's middle, scaled to the days seen), `peer` (the cohort), `n_peers`,
    `caution`, `reason`, `first_seen`, `slept_since`, `founded`, `days` (of the window, in the data), `records`. Null
    scores: entities that were there from the start, or came less than 30 days before the end. Scoring later records,
    those fitted keep their verdict, and entities not seen before count as new, their days up to the end of the
    records scored.

    State
    -----
    A row an entity and HS heading: keys, `n`, the cells by day, `first_seen`, `volume`, `centre`, `scale`.

    Raises
    ------
    MissingColumnError
        Shipments without the role `date`, a key or the measure.
    ArgumentError
        Data shorter than the burn-in, a measure that is no sum.

    Examples
    --------
    >>> import redlane as rl
    >>> sample = rl.samples.shipments(50_000)
    >>> founded = {"Vostok Prime Trading LLC KG": "2022-11-30"}
    >>> scores = rl.Newcomer(entity="importer", founded=founded).fit_score(sample.ships)
    >>> best = max(scores.to_pylist(), key=lambda r: r["score"] or 0)
    >>> best["importer"]
    'Vostok Prime Trading LLC KG'
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
