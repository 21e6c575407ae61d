"""`Table`: what every computation returns."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redlane import _core
from redlane._show import cell, grid
from redlane.paths import local

if TYPE_CHECKING:
    import arro3.core
    import pandas
    import polars
    import pyarrow


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

    __slots__ = ("__weakref__", "_core")

    def __init__(self, data: Any) -> None:
        if isinstance(data, _core.Table):
            self._core = data
        elif hasattr(data, "__arrow_c_stream__"):
            self._core = _core.table(data)
        else:
            raise TypeError(f"a Table is made of an object with __arrow_c_stream__, not {type(data).__name__}")

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
        return self._core.column(name)

    def __contains__(self, name: object) -> bool:
        return name in self.column_names

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._core.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._core.__arrow_c_schema__()

    def head(self, n: int = 10) -> Table:
        """The first `n` rows."""
        return Table(self._core.slice(0, max(n, 0)))

    def slice(self, offset: int, length: int) -> Table:
        """`length` rows from `offset` on, fewer at the end."""
        return Table(self._core.slice(offset, length))

    def to_pandas(self) -> pandas.DataFrame:
        """As a pandas DataFrame (needs pandas 2.2 or later and, before pandas 3, pyarrow)."""
        import pandas

        if hasattr(pandas.DataFrame, "from_arrow"):
            return pandas.DataFrame.from_arrow(self)
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """As a polars DataFrame, without a copy."""
        import polars

        return polars.DataFrame(self)

    def to_arrow(self) -> pyarrow.Table:
        """As a pyarrow Table, without a copy."""
        import pyarrow

        return pyarrow.table(self)

    def to_pylist(self) -> list[dict[str, Any]]:
        """As a list of dictionaries, a row each."""
        names = self.column_names
        columns = [self[name].to_pylist() for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def to_csv(self, path: str | None = None) -> str | None:
        """Write CSV to `path`, or return it as a text."""
        text = self._core.to_csv()
        if path is None:
            return text
        with open(local(path), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return None

    def to_parquet(self, path: str) -> None:
        """Write a Parquet file."""
        self._core.to_parquet(local(path))

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
    parts += [f"<th>{html.escape(name)}</th>" for name in names]
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
