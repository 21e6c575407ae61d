"""Checks of arguments, mostly numbers."""

from __future__ import annotations

import operator
from typing import Any

from redlane.errors import ArgumentError


def described(value: Any) -> str:
    """The type of a value in words, as errors write it.

    >>> described(5), described(None), described("a")
    ('an int', 'None', "the text 'a'")
    """
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the text {value if len(value) < 60 else value[:59] + '…'!r}"
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    name = kind.__name__ if library in ("builtins", "redlane", "__main__") else f"{library} {kind.__name__}"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def whole(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """A whole number from `least` to `most`, both included. A float without a fraction and NumPy numbers are accepted.

    >>> whole("n", 3.0, 0)
    3
    """
    if _is_float(value) and float(value).is_integer():
        value = int(value)
    try:
        if isinstance(value, bool):
            raise TypeError  # True and False are not numbers here
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f"{name}={value!r}: a whole number is expected") from None
    if least is not None and number < least:
        raise ArgumentError(f"{name}={number}: a whole number of {least} or more is expected")
    if most is not None and number > most:
        raise ArgumentError(f"{name}={number}: a whole number up to {most:,} is expected")
    return number


def count(name: str, value: Any, least: int = 0) -> int:
    """A count: a whole number of `least` or more."""
    return whole(name, value, least, 2**63 - 1)


def seed(value: Any) -> int:
    """A seed: an unsigned integer of 64 bits."""
    return whole("seed", value, 0, 2**64 - 1)


def _is_float(value: Any) -> bool:
    """Whether `value` is a single float of Python or NumPy, of any precision."""
    return isinstance(value, float) or (
        getattr(getattr(value, "dtype", None), "kind", "") == "f" and getattr(value, "shape", None) == ()
    )


def number(name: str, value: Any) -> float:
    """Any number. A NumPy float is read from its printed decimal.

    >>> import numpy as np
    >>> number("fdr", np.float32(0.05))
    0.05
    """
    try:
        return float(str(value)) if _is_float(value) and not isinstance(value, float) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name}={value!r}: a number is expected") from None


def index(name: str, value: Any, length: int) -> int:
    """A position below `length`, counted from 0, or from the end with -1 for the last."""
    number = whole(name, value)
    if not -length <= number < length:
        counted = f"counted from 0, or from -1 backwards; there are {length:,}"
        raise ArgumentError(f"there is no {name} {number}; they are {counted}")
    return number % length


def rate(name: str, value: Any) -> float:
    """A share above 0 and below 1.

    >>> rate("fdr", 0.05)
    0.05
    """
    share = number(name, value)
    if not 0 < share < 1:
        raise ArgumentError(f"{name}={value}: the share of false findings lies between 0 and 1, such as 0.05")
    return share
