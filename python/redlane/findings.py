"""The screen: several detectors, one ranked list."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from redlane import _core
from redlane._arguments import count, described, index, rate
from redlane.charts import strip, timeline
from redlane.detectors import Detector, UnitValue
from redlane.errors import ArgumentError, RedlaneError, WrongTypeError
from redlane.progress import Report, reporting
from redlane.report import Article, page
from redlane.shipments import Shipments, shipments_of
from redlane.table import Table
from redlane.writing import write_text


def screen(
    ships: Shipments,
    detectors: Sequence[Detector] | Detector | None = None,
    *,
    history: Shipments | None = None,
    fdr: float = 0.05,
    progress: bool | Report | None = None,
) -> Findings:
    """Find the shipments that deserve a second look.

    Every subject has one p-value; the periods of one flow are one subject (Simes 1986). The detectors are families of
    tests (Benjamini and Bogomolov 2014): first those with a signal are selected, then the procedure of Benjamini and
    Hochberg runs within each of them, at `fdr` times the share of detectors selected. So a detector without a signal
    adds next to nothing to the list, however many detectors there are. The false discovery rate, averaged over the
    selected detectors, is at most `fdr` if the p-values are valid and independent or positively dependent.

    Findings are ranked by (1 - `local_fdr`) times `stake_share`: by the share of all value that is at stake, and how
    likely the finding is to be true. The currency and the unit of weight do not change the order.

    Parameters
    ----------
    ships
        The shipments to score.
    detectors
        A detector or a list. `None` is `[UnitValue()]`, by quantity if there is no net weight; `Findings.notes` then
        says so. Without `history`, a fitted detector scores with its fit.
    history
        Shipments to fit on; without it, each unfitted detector is fitted on `ships`.
    fdr
        The accepted share of false findings, above 0 and below 1.
    progress
        As in `read`.

    Returns
    -------
    Findings
        A detector without p-values has no findings; `Findings.notes` then says so, and how to see its ranking.

    Examples
    --------
    >>> import redlane as rl
    >>> findings = rl.screen(rl.samples.shipments(20_000).ships)
    >>> findings.table.column_names[:4]
    ['finding', 'detector', 'subject', 'score']
    """
    fdr = rate("fdr", fdr)
    ships = shipments_of(ships, "ships")
    history = None if history is None else shipments_of(history, "history")
    chosen = _chosen(detectors)
    scores = [detector._screen(ships, history, progress) for detector in chosen]
    totals = _totals(ships, chosen, progress)
    with reporting(progress) as report:
        core = _core.screen(ships._core, scores, totals, fdr, report)
    # Prices in several currencies are compared without conversion.
    caution = ships._core.caution()
    told = [*(price_notes(ships) if detectors is None else []), *([] if caution is None else [caution])]
    told += [_untested(chosen[at], ranks) for at, ranks in core.untested()]
    return Findings(ships, core, fdr, told)


def _totals(ships: Shipments, detectors: Sequence[Detector], progress: bool | Report | None) -> list[float]:
    """The total of the measure of each detector over the shipments; NaN if it has none."""
    known: dict[str, float] = {}
    for detector in detectors:
        measure = _measure(detector)
        if measure not in known:
            try:
                lines = ships.aggregate([], [measure], progress=progress).to_pylist()
            except RedlaneError:
                lines = []
            total = next((value for line in lines for value in line.values()), None)
            known[measure] = math.nan if total is None else float(total)
    return [known[_measure(detector)] for detector in detectors]


def _measure(detector: Detector) -> str:
    """What the amounts at stake of a detector are amounts of; for a ratio, its numerator."""
    measure = getattr(detector, "measure", "value")
    return measure.split("/")[0].strip() if isinstance(measure, str) else "value"


def _untested(detector: Detector, ranks: bool) -> str:
    """A note about a detector without p-values."""
    name = type(detector).__name__
    if not ranks:
        return f"{name} scored nothing; the column reason of rl.{name}(...).fit_score(ships) says why"
    return (
        f"{name} gives no p-values here, so it has no findings. Its scores are a ranking: sort the table of "
        f"rl.{name}(...).fit_score(ships) by score, the largest first, to see its leads"
    )


def _chosen(detectors: Sequence[Detector] | Detector | None) -> list[Detector]:
    """The detectors of a screen: one, several, or the default."""
    if detectors is None:
        return [UnitValue()]
    if isinstance(detectors, Detector):
        return [detectors]
    if isinstance(detectors, str) or not isinstance(detectors, Iterable):
        raise WrongTypeError(f"detectors is {described(detectors)}; pass a list such as [rl.UnitValue(), rl.Surge()]")
    chosen = list(detectors)
    if not chosen:
        raise ArgumentError("no detectors given; leave detectors out for the default ones")
    for one in chosen:
        if not isinstance(one, Detector):
            name = one.__name__ if isinstance(one, type) else "UnitValue"
            raise WrongTypeError(f"detectors holds {described(one)}; pass a detector such as rl.{name}()")
    return chosen


def price_notes(ships: Shipments) -> list[str]:
    """A note if `UnitValue` uses the quantity because there is no net weight."""
    roles = ships.roles
    if "net_weight" in roles or "quantity" not in roles:
        return []
    unit = "within one unit" if "quantity_unit" in roles else "in any unit: no column states it"
    return [f"no column has the role net_weight: prices are values by quantity, {unit}"]


class Findings:
    """The findings of a screen, strongest first; made by `screen`."""

    def __init__(self, ships: Shipments, core: _core.Findings, fdr: float, notes: Sequence[str] = ()) -> None:
        self._core = core
        self.ships = ships
        self.table = Table._of(core.table(), ships._files)
        """One row for each finding, the strongest first.

        - `finding` (its number), `detector`, `subject`, `score`, `direction`, `observed`, `expected`, `caution`,
          `reason`: as in the detector's table. Of a flow with several periods it is the row with the smallest p-value.
        - `p_value`: the probability of such evidence by chance, one for each subject; of a flow with several tested
          periods it is the Simes p-value.
        - `q_value`: the smallest `fdr` at which the subject is a finding of this screen; it is at most `fdr`.
        - `local_fdr`: the probability that this very finding is false, estimated from all p-values of the detector
          (Efron 2004). The q-value is about the whole list down to this finding, and the strong ones in it make up for
          the weak ones; `local_fdr` is about one finding. It can be above `fdr` at the end of the list.
        - `value`: the sum of the values of its shipments; `n_rows`: their number.
        - `stake_share`: the amount at stake (how far the value, or the measure of the detector, is from the expected
          one) as a share of the total of all shipments screened. If the detector states no amount, it is the share of
          `value`.
        """
        self.fdr = fdr
        self.notes = list(notes)
        """Decisions made because a column is missing, and cautions."""

    def __len__(self) -> int:
        return len(self.table)

    def top(self, n: int = 20) -> Table:
        """The first `n` findings, or all if there are fewer; `n` below 0 is an `ArgumentError`."""
        return self.table.head(n)

    def _check(self, i: int) -> int:
        return index("finding", i, len(self))

    def rows(self, i: int) -> Shipments:
        """The shipments behind finding `i`, counted from 0, or from the end with -1 for the last.

        A number without a finding is an `ArgumentError`, here and in `explain` and `plot`.
        """
        return Shipments(self._core.rows(self._check(i)))

    def explain(self, i: int) -> str:
        """Finding `i` as text: the reason, the p-value, the local false discovery rate and the caution."""
        return self._explained(self.table.slice(self._check(i), 1).to_pylist()[0])

    @staticmethod
    def _explained(line: dict[str, Any]) -> str:
        parts = [f"{line['detector']}, {line['subject']}: {line['reason']}."]
        parts.append(
            f"The probability of such a score by chance is {line['p_value']:.2g}; that this finding is a false one, "
            f"{line['local_fdr']:.2g}. It is on the list at a false discovery rate of {line['q_value']:.2g} or more."
        )
        if line["caution"]:
            parts.append(f"Caution: {line['caution']}.")
        return " ".join(parts)

    def by_shipment(self, *, progress: bool | Report | None = None) -> Table:
        """One row for each shipment with findings, with the reasons. `progress` as in `read`.

        `row` is the source row (0-based), `findings` their number. `p_value` is the smallest one of its findings, times
        the number of tests that the shipment takes part in (Bonferroni): one for each detector with p-values, whether
        it found something or not. It is valid under any dependence of the detectors.
        """
        with reporting(progress) as report:
            return Table._of(self._core.by_shipment(report), self.table._files)

    def plot(self, i: int) -> Any:
        """An altair chart: a shipment among its peers, or the records of a flow or firm by month.

        A finding without records is an `ArgumentError`.
        """
        i = self._check(i)
        line = self.table.slice(i, 1).to_pylist()[0]
        first = self._core.first_row(i)
        if first is not None and str(line["subject"]).startswith("row "):
            return strip(self.ships, first, line)
        if first is None:
            raise ArgumentError(f"finding {i} has no records to draw: {line['reason']}")
        return timeline(self.rows(i), line)

    def to_html(self, path: str | os.PathLike[str], *, limit: int = 200, progress: bool | Report | None = None) -> str:
        """Write the first `limit` findings as an HTML page without external resources, and return the path.

        `progress` as in `read`. Raises `WriteError` as `Table.to_csv` does.
        """
        shown = self.top(count("limit", limit)).to_pylist()
        part = "" if len(shown) == len(self) else f"; the first {len(shown):,} are shown"
        summary = (
            f"{len(self):,} findings among {len(self.ships):,} shipments at a false discovery rate of {self.fdr}{part}."
        )
        articles = (
            Article(line["subject"], self._explained(line), self.rows(i).to_table()) for i, line in enumerate(shown)
        )
        return write_text(path, page(self.ships, summary, articles, progress), self.table._files)

    def to_csv(
        self,
        path: str | os.PathLike[str],
        *,
        formulas: Literal["keep", "escape"] = "keep",
        progress: bool | Report | None = None,
    ) -> None:
        """Write the table of findings as CSV, as `Table.to_csv` does."""
        self.table.to_csv(path, formulas, progress=progress)

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *,
        compression: Literal["zstd", "snappy", "none"] = "zstd",
        progress: bool | Report | None = None,
    ) -> None:
        """Write the table of findings as a Parquet file, as `Table.to_parquet` does."""
        self.table.to_parquet(path, compression=compression, progress=progress)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.ships, self.table, Table(self._core.row_lists()), self.fdr, self.notes)

    def __repr__(self) -> str:
        notes = "".join(f"note: {note}\n" for note in self.notes)
        return f"Findings: {len(self):,} at a false discovery rate of {self.fdr}\n{notes}{self.top(10)!r}"

    def _repr_html_(self) -> str:
        return (
            f"<p><b>Findings</b>: {len(self):,} at a false discovery rate of {self.fdr}</p>"
            + "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
            + self.top(20)._repr_html_()
        )


def _rebuild(ships: Shipments, table: Table, rows: Table, fdr: float, notes: list[str]) -> Findings:
    return Findings(ships, _core.Findings.rebuild(ships._core, table, rows), fdr, notes)
