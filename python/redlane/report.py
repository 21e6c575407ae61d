"""Findings as an HTML page."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from redlane._visible import visible
from redlane.progress import Report
from redlane.table import html_table

if TYPE_CHECKING:
    from redlane.findings import Findings

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1f2933 }
h1 { color: #c81e1e } h2 { margin-top: 2rem }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 13px }
th, td { padding: .25rem .4rem; border-bottom: 1px solid #e4e7eb; vertical-align: top }
th { text-align: left; background: #f5f7fa; white-space: nowrap }
article { border-left: 4px solid #c81e1e; padding: .1rem 1rem; margin: 1rem 0 }
.small { color: #616e7c }
"""


def _shown(text: str) -> str:
    return html.escape(visible(text))


def page(findings: Findings, limit: int, progress: bool | Report | None = None) -> str:
    """The HTML of a report on the first `limit` findings."""
    ships = findings.ships
    # It reads the columns whole, of which the findings then take their rows.
    columns = html_table(ships.summary(progress=progress), 200)
    shown = findings.top(limit).to_pylist()
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Findings</title>",
        f"<style>{STYLE}</style></head><body><h1>Shipments that deserve a second look</h1>",
        f"<p>{len(findings):,} findings among {len(ships):,} shipments at a false discovery rate of {findings.fdr}"
        f"{'' if len(shown) == len(findings) else f'; the first {len(shown):,} are shown'}.</p>",
        "<p class='small'>A finding is a reason to look, not proof of wrongdoing.</p>",
    ]
    if ships.notes:
        parts.append("<ul>" + "".join(f"<li>{_shown(note)}</li>" for note in ships.notes) + "</ul>")
    for line in shown:
        number = line["finding"]
        parts.append(
            f"<article><h3>{number + 1}. {_shown(line['subject'])}</h3>"
            f"<p>{_shown(findings.explain(number))}</p>"
            f"{html_table(findings.rows(number).to_table(), 20)}</article>"
        )
    parts.append("<h2>Columns</h2>" + columns + "</body></html>")
    return "\n".join(parts)
