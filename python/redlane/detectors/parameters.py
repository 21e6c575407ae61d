"""Converts parameters to JSON: texts, numbers, truth values, null, and lists of these."""

from __future__ import annotations

import datetime
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

from redlane._arguments import number
from redlane._conditions import Between, window_ends
from redlane.errors import ArgumentError
from redlane.shipments import day_text


def plain(name: str, value: Any) -> Any:
    """A parameter as a JSON value. NumPy numbers become numbers, days become texts, iterables become lists.

    >>> plain("by", ("hs6", "origin"))
    ['hs6', 'origin']
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    kind = getattr(getattr(value, "dtype", None), "kind", "") if getattr(value, "ndim", 1) == 0 else ""
    if kind == "b":
        return bool(value)
    if kind == "M":
        return str(value)[:10]
    if isinstance(value, Between):
        return [day_text(end) for end in window_ends(name, value)]
    if isinstance(value, datetime.date):
        return day_text(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) or (hasattr(value, "__float__") and not isinstance(value, Iterable)):
        real = number(name, value)
        # JSON has no NaN and no infinity. The core reads them from texts.
        return real if math.isfinite(real) else str(real)
    if hasattr(value, "as_py"):
        return plain(name, value.as_py())
    if isinstance(value, Mapping):
        return [[plain(name, key), plain(name, item)] for key, item in value.items()]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(name, item) for item in value), key=str)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(name, item) for item in value]
    raise ArgumentError(f"{name}={value!r}: a text, a number, True, False, None or a list of these is expected")
