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
    """Shipments, and the anomalies planted among them."""

    ships: Shipments
    """The shipments."""
    truth: Table
    """`row` and `pattern` of every planted row."""


def shipments(n: int = 100_000, seed: int = 0, *, plant: bool = True, progress: bool | Report | None = None) -> Sample:
    """Generate `n` shipments that look like customs records of four years, 2020 to 2023.

    The same `n` and `seed` give the same records on every machine. HS codes follow the chapters and headings of the
    nomenclature. Prices differ by product, origin and exporter and have long tails. Volumes follow seasons. Firms have
    sizes by Zipf's law and names in several scripts. Six flows in a hundred are reported by both sides: the importer's
    report comes later, and its value includes freight and insurance.

    Parameters
    ----------
    n
        Number of shipments.
    seed
        Chooses the sample.
    plant
        Whether to plant anomalies: `undervalued` and `overvalued` (5 to 12 times), `mislabelled` (body armour declared
        as airsoft gear), `newcomer` (a new firm that grows large within a year), `divergence` (ceramics rise to one
        country and fall to its neighbour), `diversion` (bearings through a third country), `split` (consignments kept
        under 10,000) and `duplicate`.
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
