"""Reads values of options of the command line: lists, ranges, and texts in double quotes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from redlane._conditions import between
from redlane.errors import ArgumentError, RedlaneError
from redlane.shipments import Shipments

# As in CSV files: a quote within quotes is written twice.
_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"\s*')

# A number with marks between thousands, next to `..`.
_SPLIT = re.compile(r"(?:^|\.\.)\s*-?\d{1,3}(?:,\d{3})+(?:\.\d+)?\s*(?:\.\.|$)")

Token = tuple[str | None, str | None]


def _tokens(option: str, text: str, signs: tuple[str, ...]) -> list[Token]:
    """The values between `signs`, each with the sign after it. An empty value without quotes is `None`."""
    found: list[Token] = []
    at = 0
    while True:
        quoted = _QUOTED.match(text, at)
        if quoted:
            value: str | None = quoted[1].replace('""', '"')
            at = quoted.end()
            sign = next((sign for sign in signs if text.startswith(sign, at)), None)
            if sign is None and at < len(text):
                raise ArgumentError(
                    f"{option}: {text[at:]!r} stands behind the closing quote; put the whole value in quotes, "
                    "and write each quote in it twice"
                )
        else:
            if text[at:].lstrip().startswith('"'):
                raise ArgumentError(
                    f"{option}: the quote is not closed; write each quote that belongs to a value twice"
                )
            ends = {text.find(sign, at): sign for sign in signs if text.find(sign, at) >= 0}
            end = min(ends, default=len(text))
            sign = ends.get(end)
            value = text[at:end].strip() or None
            at = end
        found.append((value, sign))
        if sign is None:
            return found
        at += len(sign)


def listed(flag: str, text: str) -> list[str]:
    """Names separated by commas. A name with a comma must be in double quotes.

    >>> listed("--by", 'hs2,"Item, Price"')
    ['hs2', 'Item, Price']
    """
    return [value for value, _ in _tokens(f"{flag} {text}", text, (",",)) if value is not None]


def levels(flag: str, text: str) -> list[list[str]]:
    """Lists of names, separated by semicolons.

    >>> levels("--backoff", 'hs6,"a;b";hs4')
    [['hs6', 'a;b'], ['hs4']]
    """
    found: list[list[str]] = [[]]
    for value, sign in _tokens(f"{flag} {text}", text, (",", ";")):
        if value is not None:
            found[-1].append(value)
        if sign == ";":
            found.append([])
    return [level for level in found if level]


def wanted(flag: str, option: str) -> tuple[str, Any]:
    """The name and the condition for `where` from `name=value`, `name=value,value` or `name=first..last`.

    >>> wanted("--where", 'importer="ACME, Inc",Other')
    ('importer', ['ACME, Inc', 'Other'])
    >>> wanted("--where", "date=2022..2023-06")
    ('date', [between('2022', '2023-06')])
    """
    name, sign, text = option.partition("=")
    told = f"{flag} {option}"
    if not sign or not name or not text:
        raise ArgumentError(f"{told}: write it as name=value")
    if ".." in text and '"' not in text and _SPLIT.search(text):
        raise ArgumentError(
            f"{told}: a comma stands between values; put a number with a comma in double quotes, such as "
            f"{name}='\"1,000\"..', or write it without one"
        )
    items: list[Any] = []
    ends: list[str | None] = []
    for value, behind in _tokens(told, text, (",", "..")):
        ends.append(value)
        if behind == "..":
            continue
        if len(ends) > 2:
            raise ArgumentError(f"{told}: a range is first..last; put a value that holds two points in double quotes")
        if len(ends) == 1 and value is None:
            raise ArgumentError(f'{told}: there is an empty value; write "" for the empty text')
        items.append(between(*ends) if len(ends) == 2 else value)
        ends = []
    return name, items


def against(ships: Shipments, options: list[str] | None) -> dict[str, Any] | None:
    """The conditions of `--against`, one for each name. A test on zero rows makes errors name the option."""
    chosen: dict[str, Any] = {}
    for option in options or []:
        name, found = wanted("--against", option)
        if name in chosen:
            raise ArgumentError(f"--against {option}: {name!r} is given twice; write its values with commas between")
        with told_by(f"--against {option}"):
            ships.rows([]).where(**{name: found})
        chosen[name] = found
    return chosen or None


@contextlib.contextmanager
def told_by(option: str) -> Iterator[None]:
    """Adds the option to the text of errors."""
    try:
        yield
    except RedlaneError as error:
        raise type(error)(f"{option}: {error}") from None


def window(flag: str, text: str) -> Any:
    """A window: a period or first..last."""
    tokens = _tokens(f"{flag} {text}", text, ("..",))
    if len(tokens) > 2 or any(value is None for value, _ in tokens):
        raise ArgumentError(f"{flag} {text}: write a window as 2023, 2023-Q2, 2023-03 or first..last")
    return tuple(value for value, _ in tokens) if len(tokens) == 2 else tokens[0][0]
