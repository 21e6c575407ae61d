"""Conditions of `Shipments.where` as the core takes them: nothing is rounded on the way."""

from __future__ import annotations

import calendar
import datetime
import decimal
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

from redlane.errors import ArgumentError

Value = str | tuple[str, str] | None
Condition = tuple[str, list[Value], bool]

_EPOCH = datetime.date(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


def condition(name: str, wanted: Any) -> Condition:
    """A name with what `where` was given for it."""
    if isinstance(wanted, tuple):
        if len(wanted) != 2:
            raise ArgumentError(f"{name}={wanted!r}: a range is a pair (first, last); use a list for any-of")
        return name, [_value(name, item) for item in wanted], True
    if isinstance(wanted, (bytes, Mapping)):
        raise _stranger(name, wanted)
    if isinstance(wanted, Iterable) and not isinstance(wanted, str) and getattr(wanted, "ndim", 1) > 0:
        items = sorted(wanted, key=str) if isinstance(wanted, (set, frozenset)) else wanted
        return name, [_value(name, item) for item in items], False
    return name, [_value(name, wanted)], False


def _stranger(name: str, item: Any) -> ArgumentError:
    return ArgumentError(f"{name}={item!r}: a text, a number, a date, a time, True, False or None is expected")


def _value(name: str, item: Any) -> Value:
    if item is None or isinstance(item, str):
        return None if item is None else str(item)
    if type(item).__name__ in ("NaTType", "NAType"):
        return None
    kind = getattr(getattr(item, "dtype", None), "kind", "")
    if kind in ("M", "m"):
        return _numpy_time(item, kind)
    if kind == "b" or isinstance(item, bool):
        return "truth", "true" if item else "false"
    if isinstance(item, datetime.datetime):
        return "instant", _instant(item)
    if isinstance(item, datetime.date):
        return "day", str((item - _EPOCH).days)
    if isinstance(item, datetime.timedelta):
        return "length", str(item // _MICROSECOND * 1000 + getattr(item, "nanoseconds", 0))
    if isinstance(item, datetime.time):
        seconds = (item.hour * 60 + item.minute) * 60 + item.second
        return "clock", str(seconds * 10**9 + item.microsecond * 1000)
    return "number", _number(name, item)


def _number(name: str, item: Any) -> str:
    if isinstance(item, decimal.Decimal):
        # Decimal writes NaN and Infinity as the core reads them, but for a signalling NaN.
        return "nan" if item.is_nan() else str(item)
    try:
        if isinstance(item, numbers.Integral):
            return format(decimal.Decimal(int(item)), "f")
        return repr(float(item))
    except (TypeError, ValueError, OverflowError):
        raise _stranger(name, item) from None


def _instant(item: datetime.datetime) -> str:
    """Nanoseconds since 1970 on its own clock and, where it has a time zone, in UTC."""
    wall = calendar.timegm(item.timetuple()) * 10**9 + item.microsecond * 1000 + getattr(item, "nanosecond", 0)
    offset = item.utcoffset()
    return str(wall) if offset is None else f"{wall} {wall - offset // _MICROSECOND * 1000}"


def _numpy_time(item: Any, kind: str) -> Value:
    import numpy as np

    if np.isnat(item):
        return None
    unit, step = np.datetime_data(item.dtype)
    if kind == "M" and unit in ("Y", "M", "D"):
        return str(item)  # a year, a month or a day
    if kind == "M" and unit == "W":
        return str(item.astype("datetime64[D]"))
    lengths = {"W": 604_800 * 10**9, "D": 86_400 * 10**9, "h": 3_600 * 10**9, "m": 60 * 10**9, "s": 10**9}
    lengths |= {"ms": 10**6, "us": 10**3, "ns": 1}
    if unit not in lengths:
        raise ArgumentError(f"{item!r}: a time in {unit} is not known; use a unit from ns to D")
    return ("instant" if kind == "M" else "length"), str(int(item.astype("int64")) * step * lengths[unit])
