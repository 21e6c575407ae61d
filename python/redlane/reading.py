"""Reading shipment records, and showing how a source will be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from redlane import _core
from redlane._arguments import described, whole
from redlane.errors import ArgumentError, WrongTypeError
from redlane.paths import is_path, local
from redlane.progress import Report, reporting
from redlane.shipments import Shipments
from redlane.table import Table


def read(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    layout: str = "auto",
    on_fault: Literal["keep", "raise"] = "keep",
    progress: bool | Report | None = None,
    date_order: Literal["dmy", "mdy"] | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: int | None = None,
    skip: int | None = None,
    sheet: str | int | None = None,
    decimal: Literal[".", ","] | None = None,
    thousands: Literal[",", ".", " ", "'", "_"] | None = None,
    totals: Literal["keep", "drop"] = "keep",
) -> Shipments:
    """Read shipment records.

    Parameters
    ----------
    source
        A path, a glob or a list of them (CSV, plain or compressed with gzip or zstd, in UTF-8, UTF-16 or
        Latin-1, with any of the usual delimiters and line ends; Parquet), or any object with
        `__arrow_c_stream__`: pandas, polars, pyarrow, DuckDB, arro3. Pipes are read too; ``"-"`` is the
        standard input. A file that is given twice, or cannot be opened, is an error.

        The columns of several Parquet files are united by name. Their type becomes one that holds all values, text
        if no type of numbers or dates does. A column that a file does not have is null for its rows.
        `Shipments.notes` says so. Columns without a role are read when they are first used. If a Parquet file is
        changed before that, the use is a `ReadError`. If another file has taken its name, the original file is read;
        only if very many files are open, that is a `ReadError` too.
    columns
        Roles by name, such as ``{"value": "CIF_USD"}``; they overrule what the layout finds. The roles are
        id, date, hs, description, origin, destination, exporter, importer, value, quantity, quantity_unit,
        net_weight and gross_weight (kilograms), reported_by, currency, weight_unit and flow.
    layout
        ``"auto"`` recognises the source by its column names. A name selects one: ``comtrade``, ``baci``, ``wits``,
        ``faostat``, ``undata``, ``open_trade_statistics``, ``cites``, ``sipri``, ``atlas``, ``oec``, ``scms``; Europe:
        ``comext``, ``hmrc``, ``hmrc_api``, ``datacomex``, ``turkey``, ``turkey_imports``, ``russia``, ``ukraine``,
        ``ukraine_statistics``, ``kazakhstan``; the Americas: ``comexstat``, ``comexstat_imports``, ``indec``,
        ``chile``, ``peru``, ``colombia``, ``mexico``, ``mexico_bcmm``, ``census``, ``usatrade``, ``dataweb``,
        ``transborder``, ``otexa``, ``statcan``; Asia: ``korea``, ``kstat``, ``kstat_imports``, ``unipass``,
        ``unipass_imports``, ``japan``, ``taiwan``, ``china``, ``india``, ``india_shipping_bills``, ``dgcis``;
        elsewhere: ``south_africa``, ``stats_nz``. A layout converts values to whole currency units and net weights to
        kilograms; `Shipments.notes` says so. If no layout fits, the names of the columns (in English and ten other
        languages) and their first cells decide; notes name other columns that could be a value, a weight or a party.
    on_fault
        ``"keep"``: a cell that cannot be read becomes null and a line of `Shipments.faults`. ``"raise"``: the first
        such cell is a `FaultError`. Blank cells and words for a missing value (NA, null, -) are null and not faults.
        This also holds for the roles exporter, importer and description, where the column keeps its text under its
        own name. A cell that was corrected is a line of `Shipments.repairs`, and not a fault.
    progress
        ``None`` shows a bar on a terminal or in a notebook, ``True`` always, ``False`` never. A callable is called
        with (stage, done, total), about every twentieth of a second and once at the end. total is 0 if it is not
        known. An exception of the callable ends the computation.
    date_order
        ``"dmy"`` or ``"mdy"`` for dates such as 3/1/2023. Without it, days above 12 in the column decide; if there are
        none, the day comes first. Dates lie between the years 1900 and 2100; all others are faults.
    encoding
        The encoding of text files, such as ``"windows-1251"``, ``"gb18030"`` or ``"shift_jis"``. Without it, a byte
        order mark, valid UTF-8, or else the frequency of letters decides; in the last case with a note.
    delimiter
        The character between the cells of text files. Without it, the character that divides most lines into the
        same number of cells.
    header
        The number of the line that names the columns, from 1. Without it, the first line with as many filled
        cells as the records; a note says which lines above it were left out. 0 means that no line names the columns.
        They are then called column_1, column_2 and so on.
    skip
        How many lines to leave out above the header, instead of `header`.
    sheet
        The name or the number (from 1) of a spreadsheet's sheet. Without it, the sheet with the most cells; a note
        names the others.
    decimal, thousands
        The decimal sign and the mark between thousands, such as ``","`` and ``"."``. Without them, all number
        columns together decide; a note says where the data do not show it.
    totals
        ``"drop"`` leaves rows out that are totals of other rows, as `Shipments.without_totals` does. With ``"keep"``
        they stay, `Shipments.notes` counts them, and detectors leave them out of peer groups.

    Returns
    -------
    Shipments
        One for each row of the source. No row is dropped, except with ``totals="drop"``.

    Raises
    ------
    ReadError
        A file is missing, empty, truncated or of another kind, or access is denied. Each has its own subclass.
    SchemaError
        A column does not exist, a role is given twice or unknown, or columns have no common type.
    FaultError
        With ``on_fault="raise"``.

    Examples
    --------
    >>> import io, tempfile, pathlib, redlane as rl
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "imports.csv"
    >>> _ = path.write_text("HS_CODE;CIF_USD;NET_WEIGHT\\n8806.22;1.200,50;3,5\\n690912;n/a;oops\\n")
    >>> ships = rl.read(path)
    >>> ships.roles
    {'hs': 'HS_CODE', 'value': 'CIF_USD', 'net_weight': 'NET_WEIGHT'}
    >>> ships.faults.to_pylist()
    [{'row': 1, 'column': 'NET_WEIGHT', 'raw': 'oops', 'reason': 'not a number'}]
    """
    if on_fault not in ("keep", "raise"):
        raise ArgumentError(f'on_fault={on_fault!r} is not known; use "keep" or "raise"')
    if totals not in ("keep", "drop"):
        raise ArgumentError(f'totals={totals!r} is not known; use "keep" or "drop"')
    asked = _asked(
        columns,
        layout,
        raise_faults=on_fault == "raise",
        date_order=date_order,
        decimal=decimal,
        thousands=thousands,
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        skip=skip,
        sheet=sheet,
    )
    with reporting(progress) as report:
        if hasattr(source, "__arrow_c_stream__"):
            ships = Shipments(_core.read_arrow(source, asked, report))
        else:
            ships = Shipments(_core.read_files(_paths(source), asked, report))
    return ships.without_totals(progress=progress) if totals == "drop" else ships


def inspect(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    layout: str = "auto",
    date_order: Literal["dmy", "mdy"] | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: int | None = None,
    skip: int | None = None,
    sheet: str | int | None = None,
    decimal: Literal[".", ","] | None = None,
    thousands: Literal[",", ".", " ", "'", "_"] | None = None,
    progress: bool | Report | None = None,
) -> Table:
    """Show how `read` would read a source, without reading it completely.

    It reads the first bytes of text files, the metadata and the first rows of Parquet files, and the sheet of a
    spreadsheet. If the rest of the file leads to another decision, `Shipments.notes` says so after reading.

    Parameters
    ----------
    source, columns, layout, date_order, encoding, delimiter, header, skip, sheet, decimal, thousands, progress
        As for `read`.

    Returns
    -------
    Table
        One line for each decision: `item` (format, encoding, delimiter, header line, decimal sign, date order, layout,
        or a role), `decision`, `why`, and `alternatives`: what else it could be, or the argument that decides it.

    Raises
    ------
    ReadError, SchemaError, ArgumentError
        As `read` does.

    Examples
    --------
    >>> import tempfile, pathlib, redlane as rl
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "imports.csv"
    >>> _ = path.write_text("HS_CODE;CIF_USD;NET_WEIGHT\\n8806.22;1.200,50;3,5\\n690912;12;1\\n")
    >>> plan = rl.inspect(path)
    >>> {line["item"]: line["decision"] for line in plan.to_pylist() if line["item"] in ("delimiter", "value")}
    {'delimiter': ';', 'value': 'CIF_USD'}
    """
    asked = _asked(
        columns,
        layout,
        raise_faults=False,
        date_order=date_order,
        decimal=decimal,
        thousands=thousands,
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        skip=skip,
        sheet=sheet,
    )
    with reporting(progress) as report:
        if hasattr(source, "__arrow_c_stream__"):
            return Table(_core.inspect_arrow(source, asked, report))
        return Table(_core.inspect_files(_paths(source), asked, report))


def _asked(
    columns: Mapping[str, str] | None,
    layout: str,
    *,
    header: int | None = None,
    skip: int | None = None,
    sheet: str | int | None = None,
    **texts: Any,
) -> dict[str, Any]:
    """The arguments of the user, in the form that the core takes."""
    return {
        "columns": [(str(role), str(column)) for role, column in (columns or {}).items()],
        "layout": layout,
        "header": None if header is None else whole("header", header, 0),
        "skip": None if skip is None else whole("skip", skip, 0),
        "sheet": None if sheet is None else str(sheet),
        "block": None,
        **texts,
    }


def _paths(source: Any) -> list[str]:
    if is_path(source):
        return [local(source)]
    if hasattr(source, "read"):
        raise ArgumentError("open files and streams are not read; pass the path, or a table made of the content")
    if isinstance(source, Iterable) and not isinstance(source, Mapping):
        paths = list(source)
        if all(is_path(path) for path in paths):
            return [local(path) for path in paths]
    raise WrongTypeError(
        f"cannot read {described(source)}; pass a path, a glob, a list of paths, or a table with "
        "__arrow_c_stream__ (pandas, polars, pyarrow, DuckDB)"
    )
