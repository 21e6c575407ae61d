"""Cells and grids as text."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from redlane._visible import visible

WIDEST = 60


def cell(value: Any) -> str:
    """One value as text: thousands marks, six significant digits, a dash for null. Texts go through `visible`."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value == 0 or 1e-4 <= abs(value) < 1e15:
            text = f"{value:,.2f}" if abs(value) >= 1000 else f"{value:.6g}"
            return text
        return f"{value:.4g}"
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return visible(str(value))


def grid(names: Sequence[str], rows: Sequence[Sequence[Any]], total: int) -> str:
    """A plain-text table. Numbers are aligned to the right, long texts are cut."""
    names = [" ".join(visible(name).split()) for name in names]
    texts = [[_cut(cell(value)) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in texts)]) for i, name in enumerate(names)]
    right = [
        any(isinstance(row[i], (int, float)) for row in rows)
        and all(row[i] is None or isinstance(row[i], (int, float)) for row in rows)
        for i in range(len(names))
    ]

    def line(cells: Sequence[str]) -> str:
        pieces = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True)]
        return "  ".join(pieces).rstrip()

    lines = [line(names), line(["-" * w for w in widths]), *map(line, texts)]
    if total > len(rows):
        lines.append(f"... {total:,} rows in all")
    return "\n".join(lines)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
