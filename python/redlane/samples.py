"""Generated shipments with planted patterns, for examples and for tests of detectors."""

from __future__ import annotations

from dataclasses import dataclass

from redlane import _core
from redlane._arguments import count
from redlane._arguments import seed as seed_number
from redlane.progress import Report, reporting
from redlane.shipments import Shipments
from redlane.table import Table


@dataclass(frozen=True)
class Sample:
    """Generated shipments, and the anomalies planted in them."""

    ships: Shipments
    """The shipments."""
    truth: Table
    """A row for each planted shipment: `row` (0-based) and `pattern`. Empty without planted anomalies."""


def shipments(n: int = 100_000, seed: int = 0, *, plant: bool = True, progress: bool | Report | None = None) -> Sample:
    """Generate `n` shipments that look like customs records of four years, 2020 to 2023.

    The same `n` and `seed` give the same records on every machine. HS codes follow the chapters and headings of the
    nomenclature. Prices differ by product, origin and exporter and have long tails. Volumes follow seasons. Firms have
    sizes by Zipf's law and names in several scripts. Six flows in a hundred are reported by both sides: the importer's
    report comes later, and its value includes freight and insurance.

    Parameters
    ----------
    n
        The number of shipments.
    seed
        The seed of the random numbers, from 0 to 2^64 - 1.
    plant
        Whether to plant anomalies: `undervalued` and `overvalued` (5 to 12 times), `mislabelled` (body armour declared
        as airsoft gear), `newcomer` (a new firm that grows large within a year), `divergence` (exports of ceramics rise
        to one country and fall to its neighbour), `diversion` (bearings through a third country), `split` (consignments
        below 10,000) and `duplicate`.
    progress
        As in `read`.

    Examples
    --------
    >>> import redlane as rl
    >>> sample = rl.samples.shipments(n=20_000, seed=1)
    >>> len(sample.ships)
    20000
    >>> sorted(set(sample.truth["pattern"].to_pylist()))
    ['divergence', 'diversion', 'duplicate', 'mislabelled', 'newcomer', 'overvalued', 'split', 'undervalued']
    """
    with reporting(progress) as report:
        core, truth = _core.sample(count("n", n), seed_number(seed), bool(plant), report)
    return Sample(Shipments(core), Table(truth))
