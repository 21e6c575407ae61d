"""Detectors: what is out of line, how far, and why.

`ALL` holds their classes. A new detector has a line among the imports and one in `__all__`.
"""

from __future__ import annotations

from redlane import _core
from redlane.detectors.base import Detector as Detector
from redlane.detectors.digits import Digits
from redlane.detectors.divergence import Divergence
from redlane.detectors.diversion import Diversion
from redlane.detectors.firm_prices import FirmPrices
from redlane.detectors.joint import Ecod, Isolation
from redlane.detectors.mirror_gap import MirrorGap
from redlane.detectors.newcomer import Newcomer
from redlane.detectors.rarity import Rarity
from redlane.detectors.repeats import Repeats
from redlane.detectors.surge import Surge
from redlane.detectors.unit_value import UnitValue
from redlane.detectors.value_weight import ValueWeight

__all__ = [
    "Digits",
    "Divergence",
    "Diversion",
    "Ecod",
    "FirmPrices",
    "Isolation",
    "MirrorGap",
    "Newcomer",
    "Rarity",
    "Repeats",
    "Surge",
    "UnitValue",
    "ValueWeight",
]

ALL: tuple[type[Detector], ...] = tuple(globals()[name] for name in _core.detector_names())
"""The class of every detector, in the order of the core's list."""
