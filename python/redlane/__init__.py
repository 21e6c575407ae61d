"""redlane finds the shipments that deserve a second look.

It reads customs declarations, bills of lading and trade statistics. A Rust core aggregates them and scores anomalies.
Results are Arrow tables.

>>> import redlane as rl
>>> ships = rl.samples.shipments(10_000).ships          # or rl.read("imports_*.csv.gz")
>>> totals = ships.aggregate(["hs2", "year"])
>>> findings = rl.screen(ships)
"""

from __future__ import annotations

import warnings as _warnings

from redlane import _core, charts, detectors, errors, samples
from redlane._arguments import count as _count
from redlane._conditions import between
from redlane.detectors import *  # noqa: F403
from redlane.errors import FaultError, ReadError, RedlaneError, SchemaError
from redlane.findings import Findings, screen
from redlane.learning import evaluate, fdr, features, inject, leakage_report
from redlane.reading import inspect, read
from redlane.shipments import Shipments
from redlane.table import Table

__version__ = _core.__version__

__all__ = [
    "FaultError",
    "Findings",
    "ReadError",
    "RedlaneError",
    "SchemaError",
    "Shipments",
    "Table",
    "between",
    "charts",
    "detectors",
    "errors",
    "evaluate",
    "fdr",
    "features",
    "inject",
    "inspect",
    "leakage_report",
    "read",
    "samples",
    "screen",
    "set_threads",
]
__all__ += detectors.__all__

if _core.DEBUG_BUILD:
    _warnings.warn("this is a debug build of redlane; it is many times slower", RuntimeWarning, stacklevel=2)


def set_threads(threads: int) -> None:
    """Set the number of threads for later computations; 0 means one for each core. Results do not depend on it.

    If it is not set, the environment variable `REDLANE_THREADS` gives the number, 1 to 1024.

    Raises
    ------
    ArgumentError
        Fewer than 0 or more than 1024 threads. If `REDLANE_THREADS` is wrong, the first computation raises the error.

    Examples
    --------
    >>> import redlane as rl
    >>> rl.set_threads(0)
    """
    _core.set_threads(_count("threads", threads))
