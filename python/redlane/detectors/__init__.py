"""Detectors: what is out of line, how far, and why."""

from redlane.detectors.base import Detector
from redlane.detectors.digits import Digits
from redlane.detectors.divergence import Divergence
from redlane.detectors.diversion import Diversion
from redlane.detectors.joint import Ecod, Isolation
from redlane.detectors.mirror_gap import MirrorGap
from redlane.detectors.newcomer import Newcomer
from redlane.detectors.rarity import Rarity
from redlane.detectors.repeats import Repeats
from redlane.detectors.surge import Surge
from redlane.detectors.unit_value import UnitValue
from redlane.detectors.value_weight import ValueWeight

__all__ = [
    "Detector",
    "Digits",
    "Divergence",
    "Diversion",
    "Ecod",
    "Isolation",
    "MirrorGap",
    "Newcomer",
    "Rarity",
    "Repeats",
    "Surge",
    "UnitValue",
    "ValueWeight",
]
