"""Shipments in memory, and their methods.

This file is longer than others: most of it documents the methods of one class.
"""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from redlane import _core
from redlane._arguments import described, whole
from redlane._conditions import Between, condition, window_ends
from redlane._visible import visible
from redlane.errors import ArgumentError, WrongTypeError
from redlane.paths import is_path
from redlane.progress import Report, reporting
from redlane.table import Table, html_table

Window = str | tuple[str | datetime.date, str | datetime.date] | Between


def names(value: str | Iterable[str], what: str) -> list[str]:
    """A name or a list of names as a list."""
    if isinstance(value, str):
        return [str(value)]
    if hasattr(value, "to_pylist"):
        found = value.to_pylist()  # an Arrow column
    elif isinstance(value, Iterable):
        # An array with 0 dimensions holds one name.
        found = list(value) if getattr(value, "ndim", 1) else [value[()]]  # type: ignore[index]
    else:
        found = [value]
    if not all(isinstance(name, str) for name in found):
        raise ArgumentError(f"{what} is a name or a list of names, not {value!r}")
    return [str(name) for name in found]


def _window(name: str, value: Window) -> tuple[str, str]:
    if isinstance(value, Between):
        value = window_ends(name, value)
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ArgumentError(f"{name}={value!r}: a window is a pair (first, last) or a text such as '2023'")
        return day_text(value[0]), day_text(value[1])
    return str(value), str(value)


def day_text(value: Any) -> str:
    """A day as text for the core: a date without its time. Other values are converted by `str`."""
    return value.isoformat()[:10] if isinstance(value, datetime.date) else str(value)


def row_number(row: Any) -> int:
    """A row number of the source, counted from 0."""
    number = whole("row", row)
    if not 0 <= number < 2**32:
        raise ArgumentError(f"there is no row {number}; rows are counted from 0")
    return number


def shipments_of(value: Any, name: str) -> Shipments:
    """The argument `name`, which must be `Shipments`. The error says how to convert other values.

    >>> shipments_of("imports.csv", "ships")
    Traceback (most recent call last):
        ...
    redlane.errors.WrongTypeError: ships is the text 'imports.csv'; pass rl.read('imports.csv') instead
    """
    if isinstance(value, Shipments):
        return value
    if isinstance(getattr(value, "ships", None), Shipments):
        how = "pass its .ships instead"
    elif isinstance(value, str):
        how = f"pass rl.read({value!r}) instead"
    elif is_path(value):
        how = "pass rl.read(path) instead"
    elif hasattr(value, "__arrow_c_stream__"):
        how = "pass rl.read(frame) instead"
    else:
        how = "pass Shipments, such as rl.read(path) returns"
    raise WrongTypeError(f"{name} is {described(value)}; {how}")


class Shipments:
    """Shipment records in memory, or a part of them; made by `read`, `where` and `rl.samples.shipments`.

    It is immutable: methods return new objects. It can be pickled. Libraries that read Arrow take its original columns
    (`polars.DataFrame(ships)`).
    """

    __slots__ = ("__weakref__", "_core")

    def __init__(self, core: _core.Shipments) -> None:
        self._core = core

    def __len__(self) -> int:
        return len(self._core)

    def __bool__(self) -> bool:
        return True

    @property
    def _files(self) -> list[Any]:
        # Tables made from these shipments must not overwrite these files.
        return list(self._core.files)

    @property
    def columns(self) -> list[str]:
        """The names of the source's columns, in order."""
        return self._core.columns

    @property
    def roles(self) -> dict[str, str]:
        """The column of each role, by the name of the role."""
        return dict(self._core.roles)

    @property
    def layout(self) -> str:
        """The layout that was used; `auto` if only the names of the columns were used."""
        return self._core.layout

    @property
    def notes(self) -> list[str]:
        """The decisions made while the data were read, as sentences: units, dates, derived columns."""
        return self._core.notes

    @property
    def faults(self) -> Table:
        """Cells that could not be read: `row` (0-based, in the source), `column`, `raw`, `reason`.

        These cells are null. All rows are kept. Corrected cells are in `repairs`.
        """
        return Table._of(self._core.faults(), self._files)

    @property
    def repairs(self) -> Table:
        """Cells that were corrected: `row` (0-based, in the source), `column`, `raw`, `value`, `reason`.

        `raw` is the text of the source, and `value` the corrected text. For example, an HS code stored as a number has
        lost a leading zero, which is added.

        >>> import pyarrow as pa, redlane as rl
        >>> ships = rl.read(pa.table({"hs": [10121, 854231], "value": [1.0, 2.0]}))
        >>> [(repair["row"], repair["raw"], repair["value"]) for repair in ships.repairs.to_pylist()]
        [(0, '10121', '010121')]
        """
        return Table._of(self._core.repairs(), self._files)

    @property
    def totals(self) -> Table:
        """Rows that are totals of other rows: `row` (0-based, in the source), `reason`.

        Statistical tables have such rows: all partners ("World"), all goods ("TOTAL"), chapters next to their codes,
        years next to their months, all modes of transport, lines of totals. A row is a total if a cell says so and its
        parts are in the table, or if the figures add up; `docs/reading.md` has the rules. Sums include these rows. Only
        the figures of lines of totals are null. Detectors leave totals out of peer groups and give them no score.
        `without_totals` removes them.

        >>> import pyarrow as pa, redlane as rl
        >>> ships = rl.read(pa.table({"origin": ["World", "DE", "FR"], "hs": ["01"] * 3, "value": [30.0, 10.0, 20.0]}))
        >>> ships.totals.to_pylist()
        [{'row': 0, 'reason': '"origin" is "World"'}]
        >>> ships.without_totals().aggregate([], "value").to_pylist()
        [{'value': 30.0}]
        """
        return Table._of(self._core.totals(), self._files)

    def without_totals(self, *, progress: bool | Report | None = None) -> Shipments:
        """The shipments without the rows that are totals of others, which `totals` lists; `progress` as in `read`.

        >>> import redlane as rl
        >>> len(rl.samples.shipments(1_000).ships.without_totals())
        1000
        """
        with reporting(progress) as report:
            return Shipments(self._core.without_totals(report))

    def summary(self, *, progress: bool | Report | None = None) -> Table:
        """One row for each column: role, type, nulls, faults, repairs, distinct values, min, max and a caution.

        The caution says why sums of the column are wrong, such as values in several currencies; otherwise it is null.
        `progress` as in `read`.

        >>> import redlane as rl
        >>> rl.samples.shipments(1_000).ships.summary().to_pylist()[0]["role"]
        'id'
        """
        with reporting(progress) as report:
            return Table._of(self._core.summary(report), self._files)

    def where(self, **conditions: Any) -> Shipments:
        """The shipments for which every condition holds.

        A condition names a column, a role or a derived key (`year=2023`, `hs2="93"`). For other column names write
        ``where(**{"Item Price": rl.between(1, None)})``. A single value must be equal. With a list, a tuple, a set, an
        array or a column, any of its members may be equal. `rl.between(first, last)` is a range that includes both
        ends; an end that is `None` is open. A list may hold ranges. `None` (NaT, `pandas.NA`) selects nulls. NaN is
        equal to no value. For several conditions on one column call `where` again.

        What a value means depends on the column:

        - *HS codes* (the role `hs`): a text is a prefix, with or without dots. A range includes all codes that begin
          with its last end. `hs2` to `hs10` take prefixes of at most this number of digits: ``hs6="88"`` is chapter 88,
          and ``hs2="8806"`` is an error. A number means its digits. A number with an odd count of digits has lost a
          zero and is an error.
        - *Other texts*: compared exactly. Ranges are in the order of code points. A number means its plain digits, a
          date its ISO text, True ``true``.
        - *Numbers* (integers, floats, decimals): a number of any type (also NumPy and `Decimal`), or a text such as
          ``"1e6"``, ``"1_000"``, ``"1,000.50"`` or ``"1.000,50"``. ``"1,000"`` may be 1000 or 1 and is an error.
          Integers and decimals are compared exactly. In a column of floats the nearest float is compared. True is 1. A
          float means its printed decimal.
        - *Days* (dates, the role `date`): a date is its day. A text or number such as ``2023``, ``"2023-Q2"``,
          ``"2023-03"``, ``"2023-03-01"``, ``"01.03.2023"`` or ``"3 March 2023"`` is the whole period. ``"3/1/2023"``
          may be two days and is an error. A range begins with the first day of its first end and ends with the last
          day of its last end. A datetime means its day.
        - *Timestamps* of any unit: dates and periods as above, with whole days. A datetime, or a text with a time of
          day, is an instant. If the column has a time zone, datetimes must have a time zone (any), and days are in the
          zone of the column. If the column has no time zone, datetimes must have none. The role `date` of such a column
          is compared in the same way.
        - *Periods* (`year`, `quarter`, `month`, `week`, `day`): the first day of the period is compared.
        - *True and false*: True, False, 1, 0 or their names. *Times of day*: a `datetime.time` or ``"14:30"``.
          *Lengths of time*: a `datetime.timedelta`.

        Columns of categories are compared by the type of their values. Rows with null pass only if the condition
        holds `None`.

        Returns
        -------
        Shipments
            The rows that pass, in source order. There may be none.

        Raises
        ------
        ArgumentError
            A value does not fit the column (such as a word for a number) or may be read in two ways; a range ends
            before it begins; a pair holds `None` (write a range with `rl.between`).
        MissingColumnError
            A name is not a column, a role or a key.

        Examples
        --------
        >>> import redlane as rl
        >>> ships = rl.samples.shipments(10_000).ships
        >>> spring = rl.between("2022-03", "2022-05-31")
        >>> some = ships.where(hs=["8806", "690912"], destination="RU", date=spring)
        >>> set(some.aggregate("destination", "shipments")["destination"].to_pylist())
        {'RU'}
        >>> both = ships.where(date=rl.between("2022", None)).where(date=rl.between(None, "2022-06"))
        >>> len(both) == len(ships.where(date=rl.between("2022", "2022-06")))
        True
        """
        return Shipments(self._core.filter([condition(name, value) for name, value in conditions.items()]))

    def rows(self, rows: Iterable[int]) -> Shipments:
        """The shipments at these rows of the source, in source order, without repetition.

        Rows are counted from 0, like `row` in a table of scores. A part of the shipments keeps the row numbers of the
        source. A negative row is therefore an `ArgumentError`.
        """
        if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
            raise ArgumentError(f"rows={rows!r}: a list of row numbers is expected")
        return Shipments(self._core.at_rows([row_number(row) for row in rows]))

    def aggregate(
        self,
        by: str | Sequence[str],
        measures: str | Sequence[str] = ("shipments", "value", "net_weight"),
        *,
        fill: Literal["zero"] | None = None,
        progress: bool | Report | None = None,
    ) -> Table:
        """Group by keys and measure each group.

        Parameters
        ----------
        by
            A name or a list of names: columns, roles, `hs2 hs4 hs6 hs8 hs10`, `day week month quarter year` (a period
            is the date of its first day; a week starts on Monday). An empty list gives one row for all shipments.
        measures
            `shipments` is the number of rows. `<column>` or `<column>.sum` is the sum, correctly rounded. `.mean .std
            .min .max .median .mad .q05 .q25 .q75 .q95` are the usual statistics (`std` with n - 1; quantiles by linear
            interpolation; MAD not scaled). `.distinct` is the number of distinct values, `.hhi` the Herfindahl index of
            `value` over the column, 0 to 1. `unit_value` is the sum of value divided by the sum of net weight, in
            currency per kilogram, over the rows that have both (a weight of zero does not count). `unit_value.median`
            and the like use value / net weight of each row. Nulls and NaN are left out. A group without numbers has
            null. Counts are integers. `.min` and `.max` of integers, decimals and dates have the type of the column, so
            they are not rounded. Other measures are floats. Integers beyond 2^53 and decimals are added exactly, and
            the sum is rounded once.
        fill
            ``"zero"`` adds the missing periods between the first and the last period of the other keys. Their counts
            and sums are 0, other measures null.
        progress
            As in `read`.

        Returns
        -------
        Table
            One row for each group: the keys, then the measures, with `_` instead of the dot in their names. Sorted by
            the keys, nulls last. The bits do not depend on the order of rows or the number of threads.

        Examples
        --------
        >>> import redlane as rl
        >>> ships = rl.samples.shipments(10_000).ships
        >>> yearly = ships.aggregate(["hs2", "year"], ["shipments", "value", "unit_value.median"])
        >>> yearly.column_names
        ['hs2', 'year', 'shipments', 'value', 'unit_value_median']
        """
        if fill not in (None, "zero"):
            raise ArgumentError(f'fill={fill!r} is not known; use "zero" or None')
        by, measures = names(by, "by"), names(measures, "measures")
        with reporting(progress) as report:
            return Table._of(self._core.aggregate(by, measures, fill == "zero", report), self._files)

    def compare(
        self,
        by: str | Sequence[str],
        current: Window,
        base: Window,
        *,
        measure: str = "value",
        against: Mapping[str, Any] | None = None,
        progress: bool | Report | None = None,
    ) -> Table:
        """Compare a measure of each group in two windows.

        Parameters
        ----------
        by
            As in `aggregate`, without periods.
        current, base
            A year, quarter or month as a text (``"2023"``, ``"2023-Q2"``, ``"2023-03"``), a pair (first, last) or
            `rl.between(first, last)`. Both ends are included.
        measure
            A measure of `aggregate`.
        against
            Conditions as in `where` that select reference shipments, such as ``{"destination": "UA"}``.
        progress
            As in `read`.

        Returns
        -------
        Table
            The keys, `base`, `current`, `change`, `growth` (current / base - 1), `growth_dhs` (2 (current - base) /
            (current + base), between -2 and 2, finite at zero; Davis, Haltiwanger and Schuh 1996), `share_base`
            and `share_current` (of the total); with `against` also `against_base`, `against_current`,
            `against_growth` and `times` (current / against_current). A ratio to zero is null.

        Examples
        --------
        >>> import redlane as rl
        >>> ships = rl.samples.shipments(10_000).ships
        >>> ships.compare("hs2", "2023", "2022", against={"destination": "UA"}).column_names[-1]
        'times'
        """
        chosen = None if against is None else [condition(name, value) for name, value in against.items()]
        windows = _window("current", current), _window("base", base)
        keys = names(by, "by")
        with reporting(progress) as report:
            return Table._of(self._core.compare(keys, *windows, measure, chosen, report), self._files)

    def convert(
        self,
        to: str,
        rates: Any = None,
        *,
        currency: str | None = None,
        every: Literal["day", "week", "month", "quarter", "year"] | None = None,
        date: Window | datetime.date | None = None,
        progress: bool | Report | None = None,
    ) -> Shipments:
        """The same shipments with their values in one currency.

        Parameters
        ----------
        to
            The currency, by ISO 4217, such as ``"USD"``.
        rates
            A table (pandas, polars, pyarrow, DuckDB, a `Table`), or its path, with the columns `currency` (a code),
            `rate` (units of `to` for one unit of the currency, above 0) and, if rates change, `date` (the first day on
            which the rate is valid). Or a dictionary of constant rates, such as ``{"EUR": 1.1, "INR": 0.012}``. Without
            it, the daily reference rates of the European Central Bank are used (``pip install redlane[rates]``): a rate
            stays valid for at most 10 days if the bank publishes no new one, and conversion between two other
            currencies uses their rates to the euro. `to` needs no rate.
        currency
            The currency of all values. Without it, the currency that the layout or the name of the value column states;
            otherwise the currency of each row, from the role `currency` (codes, signs and usual words).
        every
            The shortest period of the rates. Without it, the period of each date. A day uses the latest rate on or
            before it; a month, quarter or year uses the mean of the rates of its days.
        date
            A day or period whose mean rate is used for all rows, instead of their dates:
            ``"2023"``, ``"2023-06"``, ``"2023-06-30"``, or a pair (first, last).
        progress
            As in `read`.

        Returns
        -------
        Shipments
            The same rows in the same order. A new column such as `value_usd` has the role `value`; the original column
            is kept. No column has the role `currency`. A value without a rate is null in the new column. `notes` state
            how many rows were converted with which rates, and which were not and why.

        Raises
        ------
        ArgumentError
            An unknown currency; a rate that is not a number above 0; two rates of one currency for one day; a rate of
            `to` other than 1.
        MissingColumnError
            A table of rates without `currency` or `rate`; shipments without values, without dates if the rates have
            dates, or without a known currency.
        RedlaneError
            `rates` is missing, and the package with the rates of the bank is not installed.

        Examples
        --------
        >>> import pyarrow as pa, redlane as rl
        >>> table = pa.table({"hs": ["0901", "0902"], "value": [100.0, 5000.0], "currency": ["EUR", "INR"]})
        >>> ships = rl.read(table).convert("USD", {"EUR": 1.1, "INR": 0.012})
        >>> ships.roles
        {'hs': 'hs', 'value': 'value_usd'}
        >>> ships.aggregate([], "value").to_pylist()
        [{'value': 170.0}]
        """
        from redlane.rates import ECB_HOLDS, given, of_ecb

        window = None if date is None else _window("date", day_text(date) if isinstance(date, datetime.date) else date)
        table, source, holds = None, "the rates given", None
        if rates is None:
            (table, source), holds = of_ecb(self, to, currency, window), ECB_HOLDS
        else:
            table = given(rates)
        asked = {"to": to, "source": source, "holds": holds, "currency": currency, "every": every, "date": window}
        with reporting(progress) as report:
            return Shipments(_core.convert(self._core, table._core, asked, report))

    def to_table(self) -> Table:
        """The original columns as a `Table`.

        Columns of a Parquet file are read at first use. For a few rows, such as ``to_table().head()``, only these rows
        are read.

        >>> import redlane as rl
        >>> rl.samples.shipments(1_000).ships.to_table().head(5).shape
        (5, 13)
        """
        return Table._of(self._core.original(), self._files)

    def to_pandas(self) -> Any:
        """The original columns as a pandas DataFrame."""
        return self.to_table().to_pandas()

    def to_polars(self) -> Any:
        """The original columns as a polars DataFrame."""
        return self.to_table().to_polars()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._core.__arrow_c_stream__(requested_schema)

    def __reduce__(self) -> tuple[Any, ...]:
        core = self._core
        parts = core.to_ipc(), core.reading(), core.read_faults(), core.read_repairs(), core.total_rows()
        return _rebuild, parts

    def __repr__(self) -> str:
        roles = ", ".join(f"{role}={column!r}" for role, column in self.roles.items())
        said = f"\nnotes: {count}, see .notes" if (count := len(self.notes)) else ""
        return f"Shipments: {len(self):,} rows, {len(self.columns)} columns, layout {self.layout}\nroles: {roles}{said}"

    def _repr_html_(self) -> str:
        roles = {column: role for role, column in self.roles.items()}
        dates = self._core.dates() if "date" in self.roles else None
        span = f", {dates[0]} to {dates[1]}" if dates else ""
        heads = ", ".join(
            f"<b>{html.escape(visible(name))}</b>" + (f" ({roles[name]})" if name in roles else "")
            for name in self.columns
        )
        notes = "".join(f"<li>{html.escape(visible(note))}</li>" for note in self.notes)
        first = Table(self._core.at_rows(self._core.first_rows(5)).original())
        return (
            f"<p><b>Shipments</b>: {len(self):,} rows{span}, layout {self.layout}</p><p>{heads}</p>"
            + (f"<ul>{notes}</ul>" if notes else "")
            + html_table(first, 5)
        )


def _rebuild(ipc: bytes, reading: Any, faults: Any, repairs: Any, totals: Any = ()) -> Shipments:
    return Shipments(_core.Shipments.rebuild(ipc, reading, faults, repairs, list(totals)))
