"""Converts conditions of `Shipments.where` for the core, without rounding."""

from __future__ import annotations

import calendar
import datetime
import decimal
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redlane.errors import ArgumentError

Value = str | tuple[str, str] | None
Item = Value | tuple[str, Value, Value]
Condition = tuple[str, list[Item]]

_EPOCH = datetime.date(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass(frozen=True, repr=False)
class Between:
    """A range that includes both ends; made by `between`."""

    first: Any
    """The lower end; `None` if it is open."""
    last: Any
    """The upper end; `None` if it is open."""

    def __repr__(self) -> str:
        return f"between({self.first!r}, {self.last!r})"


def between(first: Any, last: Any) -> Between:
    """A range for `Shipments.where`. It includes both ends.

    Parameters
    ----------
    first, last
        Numbers, dates, times or texts, as in `where`. `None` is an open end. If both ends are open, all values except
        nulls are in the range. A period such as ``"2023-Q2"`` begins with its first day and ends with its last day. An
        HS code as `last` includes all codes that begin with it.

    Returns
    -------
    Between
        It is immutable and hashable, and ``==`` compares the ends. Use it as a condition of `where`, in a list of
        values, or as a window of `compare`, `convert` and detectors.

    Raises
    ------
    ArgumentError
        An end is a list, NaN, NaT or NA. An end that does not fit the column, or ends in the wrong order, are errors
        of `where`.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(10_000).ships
    >>> spring = ships.where(date=rl.between("2022-03", "2022-05"))
    >>> len(spring.aggregate("month", "shipments"))
    3
    >>> some = ships.where(value=[rl.between(None, 100), rl.between(1_000_000, None)])
    >>> rl.between(None, 5) == rl.between(None, 5)
    True
    """
    for end in (first, last):
        if isinstance(end, Between) or _several(end):
            raise ArgumentError(f"between({first!r}, {last!r}): an end is one value, not several")
        if end is not None and (_missing(end) or _not_a_number(end)):
            raise ArgumentError(f"between({first!r}, {last!r}): {end!r} is not an end; write None for an open end")
    return Between(first, last)


def condition(name: str, wanted: Any) -> Condition:
    """A name and its condition, as the core takes them."""
    if isinstance(wanted, (bytes, Mapping)) or getattr(wanted, "ndim", 1) > 1:
        raise _stranger(name, wanted)
    if not _several(wanted):
        return name, [_item(name, wanted)]
    if isinstance(wanted, tuple) and len(wanted) == 2 and any(_missing(item) for item in wanted):
        first, last = (None if _missing(item) else item for item in wanted)
        raise ArgumentError(
            f"{name}={wanted!r}: a tuple is a list of values; for the range write rl.between({first!r}, {last!r}), "
            f"for nulls and one value a list, {list(wanted)!r}"
        )
    if isinstance(wanted, (set, frozenset)):
        wanted = sorted(wanted, key=str)
    elif hasattr(wanted, "to_pylist"):
        wanted = wanted.to_pylist()  # items of Arrow as Python values
    return name, [_item(name, item) for item in wanted]


def window_ends(name: str, value: Between) -> tuple[Any, Any]:
    """The ends of a range that is used as a window. Open ends are an `ArgumentError`."""
    if value.first is None or value.last is None:
        raise ArgumentError(f"{name}={value!r}: a window has two ends; write both")
    return value.first, value.last


def _several(value: Any) -> bool:
    """Whether `value` is a collection of values, of any library."""
    alone = isinstance(value, (str, bytes, Mapping, Between))
    several = isinstance(value, Iterable) or hasattr(value, "to_pylist")
    return several and not alone and getattr(value, "ndim", 1) > 0


def _missing(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NaTType", "NAType") or _not_a_time(item)


def _not_a_time(item: Any) -> bool:
    return getattr(getattr(item, "dtype", None), "kind", "") in ("M", "m") and str(item) == "NaT"


def _not_a_number(item: Any) -> bool:
    return item.is_nan() if isinstance(item, decimal.Decimal) else bool(item != item)


def _stranger(name: str, item: Any) -> ArgumentError:
    return ArgumentError(
        f"{name}={item!r}: a text, a number, a date, a time, True, False, None, rl.between(first, last) or a list of "
        "these is expected"
    )


def _item(name: str, item: Any) -> Item:
    """A value or a range for the core. A pandas period is a range."""
    if isinstance(item, Between):
        first, last = item.first, item.last
    elif _is_period(item):
        first = last = item
    else:
        return _value(name, item)
    return "between", _value(name, _edge(first, "start_time")), _value(name, _edge(last, "end_time"))


def _is_period(item: Any) -> bool:
    return type(item).__name__ == "Period" and hasattr(item, "start_time") and hasattr(item, "end_time")


def _edge(item: Any, side: str) -> Any:
    """The first or last day of a pandas period, or the first or last instant if the period is a part of a day."""
    if not _is_period(item):
        return item
    time = getattr(item, side)
    whole_days = item.start_time.time() == datetime.time() and item.end_time.time() >= datetime.time(23, 59, 59)
    return time.date() if whole_days else time


def _value(name: str, item: Any) -> Value:
    if isinstance(item, str):
        if any("\ud800" <= sign <= "\udfff" for sign in item):
            raise ArgumentError(f"{name}={item!r}: the text is not valid Unicode")
        return str(item)
    if _missing(item):
        return None
    if isinstance(item, (bytes, Mapping)) or _several(item):
        raise _stranger(name, item)
    if getattr(item, "shape", None) == () and hasattr(item, "dtype"):
        item = item[()] if hasattr(item, "__getitem__") else item  # an array with 0 dimensions holds one value
        if isinstance(item, str):
            return str(item)
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
    if hasattr(item, "as_py"):
        return _value(name, item.as_py())  # an Arrow scalar
    return "number", _number(name, item)


def _number(name: str, item: Any) -> str:
    if isinstance(item, decimal.Decimal):
        # The core reads NaN and Infinity as Decimal writes them, except a signalling NaN.
        return "nan" if item.is_nan() else str(item)
    try:
        if isinstance(item, numbers.Integral):
            return format(decimal.Decimal(int(item)), "f")
        if getattr(getattr(item, "dtype", None), "kind", "") == "f":
            return str(item)  # the printed decimal, because a conversion of float32 to float64 adds digits
        return repr(float(item))
    except (TypeError, ValueError, OverflowError):
        raise _stranger(name, item) from None


def _instant(item: datetime.datetime) -> str:
    """Nanoseconds since 1970 in local time and, if the time zone is known, in UTC."""
    wall = calendar.timegm(item.timetuple()) * 10**9 + item.microsecond * 1000 + getattr(item, "nanosecond", 0)
    offset = item.utcoffset()
    return str(wall) if offset is None else f"{wall} {wall - offset // _MICROSECOND * 1000}"


def _numpy_time(item: Any, kind: str) -> Value:
    import numpy as np

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
