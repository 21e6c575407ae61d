"""`Table`, the result of a computation."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

from redlane import _core
from redlane._arguments import count, described, whole
from redlane._show import cell, grid
from redlane._visible import visible
from redlane.errors import ArgumentError, MissingColumnError, RedlaneError, WrongTypeError
from redlane.progress import Report, reporting
from redlane.writing import write

if TYPE_CHECKING:
    import arro3.core
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self


class Table:
    """A result as an Arrow table: columns of equal length, each with a name and a type.

    Libraries that read Arrow take it without a copy: `polars.DataFrame(table)`,
    `pandas.DataFrame.from_arrow(table)`, `pyarrow.table(table)`, `duckdb.sql("from result")`. Long texts such as
    reasons are computed when they are read. `Table(data)` takes an object with `__arrow_c_stream__`. Any other object
    is a `WrongTypeError`.

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
        # The files that the data were read from, which must not be overwritten.
        self._files: tuple[Any, ...] = tuple(getattr(data, "_files", ()))
        if isinstance(data, _core.Table):
            self._core = data
        elif hasattr(data, "__arrow_c_stream__"):
            self._core = _core.table(data)
        else:
            raise WrongTypeError(
                f"a Table is made of an object with __arrow_c_stream__ (pandas, polars, pyarrow), not {described(data)}"
            )

    @classmethod
    def _of(cls, core: Any, files: Iterable[Any]) -> Self:
        """A table from a table of the core and the files that the data were read from."""
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
    def schema(self) -> arro3.core.Schema:
        """The names and types of the columns, as an arro3 Schema. pyarrow and other libraries accept it.

        >>> import polars as pl
        >>> Table(pl.DataFrame({"n": [1, 2]})).schema.field("n").type
        arro3.core.DataType<Int64>
        """
        return self._core.schema()

    @property
    def num_rows(self) -> int:
        """The number of rows, as `len` returns it."""
        return len(self)

    @property
    def num_columns(self) -> int:
        """The number of columns."""
        return len(self.column_names)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return len(self), len(self.column_names)

    def __getitem__(self, name: str) -> arro3.core.ChunkedArray:
        """One column as an Arrow array. It has `to_pylist` and, if it holds no nulls, `to_numpy`.

        Raises `MissingColumnError` if no column has this name.
        """
        if not isinstance(name, str):
            raise WrongTypeError(
                f"a table is asked for a column by its name, not {name!r}; `slice` gives rows, `column` takes positions"
            )
        return self.column(name)

    def column(self, name: str | int) -> arro3.core.ChunkedArray:
        """One column by its name or position, counted from 0, or from the end with -1 for the last.

        Raises
        ------
        MissingColumnError
            There is no such column. The message lists the columns.

        Examples
        --------
        >>> import polars as pl
        >>> Table(pl.DataFrame({"a": [1], "b": [2]})).column(-1).to_pylist()
        [2]
        """
        return self._core.column(self._place(name))

    def _place(self, name: str | int) -> int:
        if isinstance(name, str):
            return self._core.place(name)
        names = self.column_names
        at = whole("column", name)
        if not -len(names) <= at < len(names):
            raise MissingColumnError(
                f"there is no column {at}; the table has {len(names)}, counted from 0: {', '.join(names) or 'none'}"
            )
        return at % len(names)

    def select(self, names: str | int | Iterable[str | int]) -> Table:
        """A table of the columns with these names or positions, in this order, with all rows.

        Raises
        ------
        MissingColumnError
            There is no such column. The message lists the columns.
        ArgumentError
            A column is named twice, or `names` is not a list of names or positions.

        Examples
        --------
        >>> import polars as pl
        >>> Table(pl.DataFrame({"a": [1], "b": [2], "c": [3]})).select(["c", 0]).column_names
        ['c', 'a']
        """
        if not isinstance(names, (str, int)) and not isinstance(names, Iterable):
            raise WrongTypeError(f"names is {described(names)}; pass names or positions of columns")
        places = [self._place(name) for name in ([names] if isinstance(names, (str, int)) else names)]
        twice = next((place for at, place in enumerate(places) if place in places[:at]), None)
        if twice is not None:
            raise ArgumentError(f"the column {self.column_names[twice]!r} is named twice")
        return Table._of(self._core.select(places), self._files)

    def to_batches(self) -> Iterator[arro3.core.RecordBatch]:
        """The rows as Arrow batches, in order.

        A table with long texts, such as reasons, has batches of some ten thousand rows, so that not all texts are in
        memory at once. Other tables have one batch. A table without rows has one batch without rows.

        >>> import polars as pl
        >>> [batch.num_rows for batch in Table(pl.DataFrame({"n": [1, 2, 3]})).to_batches()]
        [3]
        """
        step = self._core.portion
        for start in range(0, max(len(self), 1), step):
            yield self._core.batch(start, step)

    def __iter__(self) -> Iterator[Any]:
        raise WrongTypeError(
            "a table is not iterated over; use to_pandas(), to_polars(), to_pylist() (a list of rows), to_batches() or "
            "column_names"
        )

    def __eq__(self, other: object) -> bool:
        """Whether both have the same names, types and values in the same order. NaN is equal to NaN."""
        # Data frames would compare cell by cell.
        if not isinstance(other, Table):
            return False
        return self is other or self._core.equals(other._core)

    # A hash of all values would be slow.
    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, name: object) -> bool:
        return name in self.column_names

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._core.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._core.__arrow_c_schema__()

    def head(self, n: int = 10) -> Table:
        """The first `n` rows, or all rows if there are fewer; `n` below 0 is an `ArgumentError`."""
        return Table._of(self._core.slice(0, count("n", n)), self._files)

    def slice(self, offset: int = 0, length: int | None = None) -> Table:
        """At most `length` rows from row `offset` on, counted from 0. Without `length`, all rows from there on.

        An offset below 0 counts from the end: -1 is the last row. `length` below 0, or an offset before the first
        row, is an `ArgumentError`.

        >>> import polars as pl
        >>> Table(pl.DataFrame({"n": [1, 2, 3]})).slice(-2, 1)["n"].to_pylist()
        [2]
        """
        start = whole("offset", offset, -len(self), 2**63 - 1)
        start += len(self) if start < 0 else 0
        most = len(self) if length is None else count("length", length)
        return Table._of(self._core.slice(start, most), self._files)

    def to_pandas(self) -> pandas.DataFrame:
        """The table as a pandas DataFrame. Needs pandas 2.2 or later and, before pandas 3, pyarrow."""
        import pandas

        with handed_to("pandas"):
            if hasattr(pandas.DataFrame, "from_arrow"):
                return pandas.DataFrame.from_arrow(self._core.written())
            return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """The table as a polars DataFrame, without a copy."""
        import polars

        with handed_to("polars"):
            return polars.DataFrame(self._core.written())

    def to_arrow(self) -> pyarrow.Table:
        """The table as a pyarrow Table, without a copy."""
        import pyarrow

        with handed_to("pyarrow"):
            return pyarrow.table(self._core.written())

    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows as dictionaries, with `None` for null. Two columns with one name are an `ArgumentError`."""
        names = self.column_names
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            raise ArgumentError(f"two columns are called {twice!r}, and a dictionary holds one; select by position")
        return [dict(zip(names, row, strict=True)) for row in _rows(self)]

    @overload
    def to_csv(
        self,
        path: None = None,
        formulas: Literal["keep", "escape"] = "keep",
        *,
        progress: bool | Report | None = None,
    ) -> str: ...
    @overload
    def to_csv(
        self,
        path: str | os.PathLike[str],
        formulas: Literal["keep", "escape"] = "keep",
        *,
        progress: bool | Report | None = None,
    ) -> None: ...
    def to_csv(
        self,
        path: str | os.PathLike[str] | None = None,
        formulas: Literal["keep", "escape"] = "keep",
        *,
        progress: bool | Report | None = None,
    ) -> str | None:
        """Write CSV (UTF-8) to `path`, or return it as text. Nulls are empty cells.

        Parameters
        ----------
        path
            The file, or ``"-"`` for standard output. An existing file is replaced after all rows are written. Pipes and
            devices are written directly.
        formulas
            ``"keep"`` writes texts unchanged. ``"escape"`` puts an apostrophe before texts and names that begin like
            formulas (=, +, -, @, tab, line break), except numbers. Use it if the file will be opened in a spreadsheet,
            which would run the formulas.
        progress
            As in `read`.

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
        with reporting(progress) as report:
            if path is None:
                return self._core.to_csv(escape, report)
            write(path, lambda name: self._core.write_csv(name, escape, report), self._files)
        return None

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *,
        compression: Literal["zstd", "snappy", "none"] = "zstd",
        progress: bool | Report | None = None,
    ) -> None:
        """Write a Parquet file. An existing file is replaced after all rows are written.

        Parameters
        ----------
        path
            The file, or ``"-"`` for standard output.
        compression
            ``"zstd"`` (level 3) makes files about half as large as ``"snappy"``, which older programs can read too.
            ``"none"`` means no compression.
        progress
            As in `read`.

        Raises
        ------
        WriteError
            The file cannot be written, or it is one that the data were read from.

        Examples
        --------
        >>> import pathlib, tempfile, polars as pl, redlane as rl
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "n.parquet"
        >>> rl.Table(pl.DataFrame({"n": [1, 2, 3]})).to_parquet(path)
        >>> pl.read_parquet(path)["n"].sum()
        6
        """
        if compression not in ("zstd", "snappy", "none"):
            raise ArgumentError(f'compression={compression!r} is not known; use "zstd", "snappy" or "none"')
        with reporting(progress) as report:
            write(path, lambda name: self._core.write_parquet(name, compression, report), self._files)

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_columns, (_core.Table.to_ipc(self._core),)

    def __repr__(self) -> str:
        return grid(self.column_names, _rows(self.head(10)), len(self))

    def _repr_html_(self) -> str:
        return html_table(self, 20)


def _rows(table: Table) -> list[Sequence[Any]]:
    with handed_to("Python"):
        columns = [table.column(at).to_pylist() for at in range(table.num_columns)]
    return list(zip(*columns, strict=True))


@contextmanager
def handed_to(whom: str) -> Iterator[None]:
    """Converts an exception of another library that takes a table to a `RedlaneError` with this cause."""
    try:
        yield
    except (RedlaneError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise RedlaneError(f"the table cannot be handed over to {whom}: {error}") from error


def _from_columns(ipc: bytes) -> Table:
    return Table(_core.Table.from_ipc(ipc))


def html_table(table: Table, limit: int) -> str:
    """The first `limit` rows as an HTML table. Numbers are right-aligned. Only texts of several words may wrap."""
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
