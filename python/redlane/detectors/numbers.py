"""Numbers among the parameters, checked before they reach the core."""

from __future__ import annotations

import math
from typing import Any

from redlane.errors import ArgumentError


def whole(name: str, value: Any) -> int:
    """A parameter that counts something; 3.0 is 3, and 2.5 is an `ArgumentError`."""
    try:
        number = int(value)
        if number == value:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise ArgumentError(f"{name}={value!r}: give a whole number")


def real(name: str, value: Any) -> float:
    """A parameter that is any number but NaN."""
    try:
        number = float(value)
        if not math.isnan(number):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise ArgumentError(f"{name}={value!r}: give a number")
