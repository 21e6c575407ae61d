"""The command line: `redlane summary|aggregate|compare|screen FILE ...` and `redlane demo`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

import redlane as rl
from redlane import _options
from redlane._show import grid
from redlane._visible import visible
from redlane.errors import ArgumentError, RedlaneError
from redlane.findings import price_notes
from redlane.shipments import Shipments
from redlane.table import Table, html_table
from redlane.writing import STDOUT, write_text

app = App(
    name="redlane",
    help="Find the shipments that deserve a second look.",
    version=rl.__version__,
    result_action="return_value",
)


def _known(_: object, files: Sequence[str]) -> None:
    for file in files:
        if file.startswith("-") and file != "-":
            raise ValueError(f"unknown option {file}")


Files = Annotated[
    list[str],
    # A single hyphen is the standard input. Any other name with a leading hyphen is an error.
    Parameter(allow_leading_hyphen=True, validator=_known),
]
Layout = Annotated[str, Parameter(help="auto, or a name that redlane.read lists, such as comtrade or comexstat")]
Columns = Annotated[
    list[str] | None,
    Parameter(name="--column", negative="", help="role=name, such as value=CIF_USD; may be repeated"),
]
Out = Annotated[
    str | None,
    Parameter(
        name=["--output", "-o"],
        allow_leading_hyphen=True,
        help="write here instead: .csv, .parquet or .html by its ending; - is standard output, as CSV",
    ),
]
Formulas = Annotated[
    Literal["keep", "escape"],
    Parameter(help="escape puts an apostrophe before texts of a CSV file that a spreadsheet would run"),
]
Where = Annotated[
    list[str] | None,
    Parameter(
        name="--where",
        negative="",
        help="name=value[,value] or name=first..last; may be repeated, and all must hold; a value with a comma or two "
        'points stands in double quotes, such as importer="ACME, Inc"',
    ),
]
Limit = Annotated[int, Parameter(help="rows shown in the terminal")]


def _pairs(options: list[str] | None, flag: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for option in options or []:
        name, sign, value = option.partition("=")
        if not sign or not name or not value:
            raise ArgumentError(f"{flag} {option}: write it as name=value")
        if name in pairs:
            raise ArgumentError(f"{flag} {option}: {name!r} is given twice")
        pairs[name] = value
    return pairs


@Parameter(name="*")
@dataclass
class Reading:
    """How the files are read, if the plan of `redlane inspect` is wrong."""

    layout: Layout = "auto"
    column: Columns = None
    date_order: Annotated[Literal["dmy", "mdy"] | None, Parameter(help="dmy or mdy, for dates such as 3/1/2023")] = None
    encoding: Annotated[str | None, Parameter(help="of text files, such as windows-1251")] = None
    delimiter: Annotated[str | None, Parameter(help="the character between cells, or tab")] = None
    decimal: Annotated[Literal[".", ","] | None, Parameter(help="the decimal sign")] = None
    thousands: Annotated[str | None, Parameter(help="the mark between thousands")] = None
    header: Annotated[int | None, Parameter(help="the line that names the columns, from 1; 0 for none")] = None
    skip: Annotated[int | None, Parameter(help="lines to leave out above the header")] = None
    sheet: Annotated[str | None, Parameter(help="the sheet of a spreadsheet, by name or number")] = None

    def arguments(self) -> dict[str, Any]:
        """The arguments of `redlane.read` and `redlane.inspect`."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "column"}
        if given["delimiter"] in ("tab", "\\t"):
            given["delimiter"] = "\t"
        return {**given, "columns": _pairs(self.column, "--column")}


@Parameter(name="*")
@dataclass
class Rows(Reading):
    """How the files are read, and which rows are kept."""

    totals: Annotated[Literal["keep", "drop"], Parameter(help="drop leaves rows out that are totals of other rows")] = (
        "keep"
    )


@Parameter(name="*")
@dataclass
class Money:
    """The currency of the values."""

    currency: Annotated[
        str | None,
        Parameter(help="bring values to this currency, such as USD, before --where; the column keeps its own name"),
    ] = None
    rates: Annotated[
        str | None,
        Parameter(help="a file with the columns currency, rate and date; without it the ECB's reference rates"),
    ] = None


def _read(
    files: list[str], reading: Rows | None, where: list[str] | None, money: Money | None = None, tell: bool = True
) -> Shipments:
    ships = rl.read(files, **(reading or Rows()).arguments())
    money = money or Money()
    if money.currency is not None:
        ships = ships.convert(money.currency, money.rates)
    elif money.rates is not None:
        raise ArgumentError(f"--rates {money.rates}: give the currency of the rates with --currency")
    for note in ships.notes if tell else ():
        print(visible(f"redlane: {note}"), file=sys.stderr)
    for option in where or []:
        name, wanted = _options.wanted("--where", option)
        with _options.told_by(f"--where {option}"):
            ships = ships.where(**{name: wanted})
    return ships


def _piped(output: str | None) -> bool:
    """Whether only the table goes to standard output."""
    return output in STDOUT


def _put(table: Table, output: str | None, limit: int, formulas: Literal["keep", "escape"] = "keep") -> None:
    if output is None:
        rows = table.head(limit)
        columns = [rows[name].to_pylist() for name in table.column_names]
        print(grid(table.column_names, list(zip(*columns, strict=True)), len(table)))
        return
    ending = Path(output).suffix.lower()
    # Pipes and devices usually have no ending.
    if ending == ".csv" or (not ending and (output == "-" or output.startswith("/dev/"))):
        table.to_csv(output, formulas)
    elif ending == ".parquet":
        table.to_parquet(output)
    elif ending in (".html", ".htm"):
        page = f"<!doctype html><meta charset='utf-8'><title>redlane</title>{html_table(table, len(table))}"
        write_text(output, page, table._files)
    else:
        raise ArgumentError(f"--output {output}: the ending must be .csv, .parquet or .html")
    print(f"{len(table):,} rows written to {visible(output)}", file=sys.stderr)


@app.command
def inspect(files: Files, /, *, reading: Reading | None = None, output: Out = None, limit: Limit = 200) -> None:
    """Show how the files would be read: every decision, its reason, and the alternatives.

    Parameters
    ----------
    files
        CSV (plain, .gz, .zst), spreadsheets or Parquet files; - is the standard input.
    """
    _put(rl.inspect(files, **(reading or Reading()).arguments()), output, limit)


@app.command
def summary(
    files: Files,
    /,
    *,
    reading: Rows | None = None,
    money: Money | None = None,
    where: Where = None,
    output: Out = None,
    formulas: Formulas = "keep",
    faults: bool = False,
    limit: Limit = 200,
) -> None:
    """Show one row for each column: role, type, nulls, faults, repairs, distinct values, min, max and a caution.

    Parameters
    ----------
    files
        CSV (plain, .gz, .zst), spreadsheets or Parquet files; - is the standard input.
    faults
        List the cells that could not be read instead.
    """
    shown = output is None and not faults
    ships = _read(files, reading, where, money, tell=not shown)
    if shown:
        print(f"{len(ships):,} shipments, layout {ships.layout}")
        for note in ships.notes:
            print(visible(f"  {note}"))
    _put(ships.faults if faults else ships.summary(), output, limit, formulas)


@app.command
def aggregate(
    files: Files,
    /,
    *,
    by: str = "",
    measures: str = "shipments,value,net_weight",
    fill: bool = False,
    reading: Rows | None = None,
    money: Money | None = None,
    where: Where = None,
    output: Out = None,
    formulas: Formulas = "keep",
    limit: Limit = 50,
) -> None:
    """Group by keys and measure each group.

    Parameters
    ----------
    files
        CSV (plain, .gz, .zst), spreadsheets or Parquet files; - is the standard input.
    by
        Keys, separated by commas: columns, roles, hs2..hs10, day, week, month, quarter, year. Empty for totals. A name
        with a comma must be in double quotes.
    measures
        Measures, separated by commas: shipments, value, value.median, importer.distinct, unit_value, ...
    fill
        Complete missing periods with zero.
    """
    keys, measured = _options.listed("--by", by), _options.listed("--measures", measures)
    if not measured:
        raise ArgumentError(f"--measures {measures!r}: name one at least, such as shipments")
    ships = _read(files, reading, where, money)
    _put(ships.aggregate(keys, measured, fill="zero" if fill else None), output, limit, formulas)


@app.command
def compare(
    files: Files,
    /,
    *,
    current: str,
    base: str,
    by: str = "",
    measure: str = "value",
    against: Annotated[list[str] | None, Parameter(negative="", help="as --where, one for each name")] = None,
    reading: Rows | None = None,
    money: Money | None = None,
    where: Where = None,
    output: Out = None,
    formulas: Formulas = "keep",
    limit: Limit = 50,
) -> None:
    """Compare a measure of each group in two windows.

    Parameters
    ----------
    files
        CSV (plain, .gz, .zst), spreadsheets or Parquet files; - is the standard input.
    current
        The later window: 2023, 2023-Q2, 2023-03, or first..last.
    base
        The earlier window.
    by
        Keys, separated by commas.
    measure
        A measure, as in aggregate.
    """
    windows = _options.window("--current", current), _options.window("--base", base)
    keys = _options.listed("--by", by)
    ships = _read(files, reading, where, money)
    chosen = _options.against(ships, against)
    _put(ships.compare(keys, *windows, measure=measure, against=chosen), output, limit, formulas)


@app.command
def screen(
    files: Files,
    /,
    *,
    fdr: float = 0.05,
    measure: str | None = None,
    by: str = "hs6,origin",
    backoff: str = "hs6;hs4",
    min_peers: int = 20,
    reading: Rows | None = None,
    money: Money | None = None,
    where: Where = None,
    output: Out = None,
    formulas: Formulas = "keep",
    limit: Limit = 20,
) -> None:
    """List the shipments that deserve a second look, strongest first.

    Parameters
    ----------
    files
        CSV (plain, .gz, .zst), spreadsheets or Parquet files; - is the standard input.
    fdr
        The accepted share of false findings, above 0 and below 1.
    measure
        The price: value/net_weight, value/quantity or net_weight/quantity; without it, value/quantity where there
        is no net weight, else value/net_weight.
    by
        Keys of the peer group, separated by commas.
    backoff
        Coarser peer groups, separated by semicolons; empty for none.
    min_peers
        The smallest number of peers with a price.
    """
    keys, levels = _options.listed("--by", by), _options.levels("--backoff", backoff)
    ships = _read(files, reading, where, money)
    for note in [] if measure else price_notes(ships):
        print(f"redlane: {note}", file=sys.stderr)
    detector = rl.UnitValue(measure=measure or "value/net_weight", by=keys, backoff=levels, min_peers=min_peers)
    findings = rl.screen(ships, [detector], fdr=fdr)
    if output is not None and Path(output).suffix.lower() in (".html", ".htm"):
        print(f"{len(findings):,} findings written to {findings.to_html(output)}", file=sys.stderr)
        return
    if output is None:
        print(f"{len(findings):,} findings among {len(ships):,} shipments at a false discovery rate of {fdr}\n")
        for line in findings.top(limit).to_pylist():
            print(visible(f"{line['finding'] + 1:4d}. {line['subject']}: {line['reason']}"))
        return
    _put(findings.table, output, limit, formulas)


@app.command
def demo(*, shipments: int = 1_000_000, seed: int = 0, output: Out = None) -> None:
    """Run the main job on generated shipments: summary, an aggregate, the top findings, a page.

    Parameters
    ----------
    shipments
        The number of generated shipments.
    seed
        The seed of the random numbers.
    """
    # A pipe gets only the findings. Messages go to standard error.
    piped = _piped(output)
    with contextlib.redirect_stdout(sys.stderr) if piped else contextlib.nullcontext():
        sample = rl.samples.shipments(shipments, seed)
        ships = sample.ships
        print(f"{len(ships):,} generated shipments, {len(sample.truth):,} of them planted\n")
        _put(ships.summary(), None, 20)
        print("\nships.aggregate(['hs2', 'year'], ['shipments', 'value', 'unit_value.median'])\n")
        _put(ships.aggregate(["hs2", "year"], ["shipments", "value", "unit_value.median"]), None, 8)
        findings = rl.screen(ships)
        print(f"\nrl.screen(ships): {len(findings):,} findings, the first ten\n")
        for line in findings.top(10).to_pylist():
            print(visible(f"{line['finding'] + 1:4d}. {line['subject']}: {line['reason']}"))
        print()
    page = output or "demo-report.html"
    if Path(page).suffix.lower() in (".html", ".htm"):
        path = findings.to_html(os.path.abspath(page), limit=50)
        print(f"The findings with the rows behind them: {path}")
    else:
        _put(findings.table, page, 0)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Wrong input ends with an error of one line and exit code 2."""
    try:
        app(arguments, exit_on_error=False, print_error=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except CycloptsError as error:
        text = " ".join(str(error).split())
        print(f"redlane: {visible(text) or type(error).__name__}; see redlane --help", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader has closed the pipe. The rest of the output is discarded, so that Python exits without an error.
        with contextlib.suppress(OSError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (RedlaneError, OSError) as error:
        print(f"redlane: {visible(' '.join(str(error).split()))}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("redlane: stopped", file=sys.stderr)
        sys.exit(130)
