"""`Table`: what every computation returns."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from redlane import _core
from redlane._arguments import count, whole
from redlane._show import cell, grid
from redlane._visible import visible
from redlane.errors import ArgumentError
from redlane.writing import write

if TYPE_CHECKING:
    import arro3.core
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self


class Table:
    """A result as an Arrow table: columns of equal length, each with a name and a type.

    Everything that speaks Arrow takes it without a copy: `polars.DataFrame(table)`,
    `pandas.DataFrame.from_arrow(table)`, `pyarrow.table(table)`, `duckdb.sql("from result")`.
    Long texts such as reasons are written only when they are read.

    >>> import redlane as rl
    >>> ships = rl.samples.shipments(1_000).ships
    >>> totals = ships.aggregate("reported_by", "shipments")
    >>> totals.column_names, len(totals)
    (['reported_by', 'shipments'], 2)
    >>> totals["reported_by"].to_pylist()
    ['exporter', 'importer']
    """

    __slots__ = ("__weakref__", "_core", "_files")

    def __init__(self, data: Any) -> None:
        # The files behind the data: they are not written over.
        self._files: tuple[Any, ...] = tuple(getattr(data, "_files", ()))
        if isinstance(data, _core.Table):
            self._core = data
        elif hasattr(data, "__arrow_c_stream__"):
            self._core = _core.table(data)
        else:
            raise TypeError(f"a Table is made of an object with __arrow_c_stream__, not {type(data).__name__}")

    @classmethod
    def _of(cls, core: Any, files: Iterable[Any]) -> Self:
        """A table of the core's and the files it was made from."""
        table = cls(core)
        table._files = tuple(files)
        return table

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return self._core.column_names

    def __len__(self) -> int:
        return len(self._core)

    def __bool__(self) -> bool:
        return True

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), len(self.column_names)

    def __getitem__(self, name: str) -> arro3.core.ChunkedArray:
        """One column as an Arrow array with `to_pylist` and `to_numpy`.

        Raises `MissingColumnError` where there is no column of that name.
        """
        if not isinstance(name, str):
            raise ArgumentError(f"a table is asked for a column by its name, not {name!r}; `slice` gives rows")
        return self._core.column(name)

    def __contains__(self, name: object) -> bool:
        return name in self.column_names

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._core.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._core.__arrow_c_schema__()

    def head(self, n: int = 10) -> Table:
        """The first `n` rows, fewer where there are no more; `n` below 0 is an `ArgumentError`."""
        return Table._of(self._core.slice(0, count("n", n)), self._files)

    def slice(self, offset: int, length: int) -> Table:
        """`length` rows from `offset` on, fewer at the end.

        An offset below 0 counts from the end: -1 is the last row. `length` below 0, or an offset before the first
        row, is an `ArgumentError`.

        >>> import polars as pl
        >>> Table(pl.DataFrame({"n": [1, 2, 3]})).slice(-2, 1)["n"].to_pylist()
        [2]
        """
        start = whole("offset", offset, -len(self), 2**63 - 1)
        start += len(self) if start < 0 else 0
        return Table._of(self._core.slice(start, count("length", length)), self._files)

    def to_pandas(self) -> pandas.DataFrame:
        """As a pandas DataFrame (needs pandas 2.2 or later and, before pandas 3, pyarrow)."""
        import pandas

        if hasattr(pandas.DataFrame, "from_arrow"):
            return pandas.DataFrame.from_arrow(self._core.written())
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """As a polars DataFrame, without a copy."""
        import polars

        return polars.DataFrame(self._core.written())

    def to_arrow(self) -> pyarrow.Table:
        """As a pyarrow Table, without a copy."""
        import pyarrow

        return pyarrow.table(self._core.written())

    def to_pylist(self) -> list[dict[str, Any]]:
        """As a list of dictionaries, a row each."""
        names = self.column_names
        columns = [self[name].to_pylist() for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    @overload
    def to_csv(self, path: None = None, formulas: Literal["keep", "escape"] = "keep") -> str: ...
    @overload
    def to_csv(self, path: str | os.PathLike[str], formulas: Literal["keep", "escape"] = "keep") -> None: ...
    def to_csv(
        self, path: str | os.PathLike[str] | None = None, formulas: Literal["keep", "escape"] = "keep"
    ) -> str | None:
        """Write CSV (UTF-8) to `path`, or return it as a text.

        Parameters
        ----------
        path
            The file, or ``"-"`` for standard output. The file is replaced once all is written; a pipe or a device gets
            the bytes directly.
        formulas
            ``"keep"`` writes every text as it is. ``"escape"`` puts an apostrophe before texts and names that begin
            like formulas (=, +, -, @, tab, line break), numbers left out: choose it where somebody will open the file
            in a spreadsheet, which would run them.

        Raises
        ------
        WriteError
            The file cannot be written, or it is one that the data were read from.

        Examples
        --------
        >>> import polars as pl, redlane as rl
        >>> print(rl.Table(pl.DataFrame({"firm": ["=1+1", "-5"]})).to_csv(formulas="escape"))
        firm
        '=1+1
        -5
        <BLANKLINE>
        """
        if formulas not in ("keep", "escape"):
            raise ArgumentError(f'formulas={formulas!r} is not known; use "keep" or "escape"')
        escape = formulas == "escape"
        if path is None:
            return self._core.to_csv(escape)
        write(path, lambda name: self._core.write_csv(name, escape), self._files)
        return None

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file, which is replaced once all is written.

        Raises
        ------
        WriteError
            The file cannot be written, or it is one that the data were read from.
        """
        write(path, self._core.write_parquet, self._files)

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_columns, (_core.Table.to_ipc(self._core),)

    def __repr__(self) -> str:
        return grid(self.column_names, _rows(self.head(10)), len(self))

    def _repr_html_(self) -> str:
        return html_table(self, 20)


def _rows(table: Table) -> list[Sequence[Any]]:
    columns = [table[name].to_pylist() for name in table.column_names]
    return list(zip(*columns, strict=True))


def _from_columns(ipc: bytes) -> Table:
    return Table(_core.Table.from_ipc(ipc))


def html_table(table: Table, limit: int) -> str:
    """The first `limit` rows as an HTML table, numbers to the right; only texts of several words may break."""
    shown = table.head(limit)
    names = shown.column_names
    parts = ["<table class='redlane'><thead><tr>"]
    parts += [f"<th>{html.escape(visible(name))}</th>" for name in names]
    parts.append("</tr></thead><tbody>")
    for row in _rows(shown):
        parts.append("<tr>")
        for value in row:
            side = "right" if isinstance(value, (int, float)) else "left"
            text = cell(value)
            space = "normal" if " " in text else "nowrap"
            parts.append(f"<td style='text-align:{side};white-space:{space}'>{html.escape(text)}</td>")
        parts.append("</tr>")
    parts.append("</tbody></table>")
    if len(table) > limit:
        parts.append(f"<p>{limit} of {len(table):,} rows</p>")
    return "".join(parts)
