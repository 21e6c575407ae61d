"""Findings as an HTML page."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import NamedTuple

from redlane._visible import visible
from redlane.progress import Report
from redlane.shipments import Shipments
from redlane.table import Table, html_table

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


class Article(NamedTuple):
    """A finding as the page shows it."""

    title: str
    text: str
    rows: Table


def page(
    ships: Shipments,
    summary: str,
    articles: Iterable[Article],
    progress: bool | Report | None = None,
) -> str:
    """The HTML of a report: a line of summary, the findings, and the columns of the shipments."""
    # The summary of the columns loads them whole; the rows of the articles are then taken from memory.
    columns = html_table(ships.summary(progress=progress), 200)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Findings</title>",
        f"<style>{STYLE}</style></head><body><h1>Shipments that deserve a second look</h1>",
        f"<p>{summary}</p>",
        "<p class='small'>A finding is a reason to look, not proof of wrongdoing.</p>",
    ]
    if ships.notes:
        parts.append("<ul>" + "".join(f"<li>{_shown(note)}</li>" for note in ships.notes) + "</ul>")
    for number, article in enumerate(articles, 1):
        parts.append(
            f"<article><h3>{number}. {_shown(article.title)}</h3>"
            f"<p>{_shown(article.text)}</p>"
            f"{html_table(article.rows, 20)}</article>"
        )
    parts.append("<h2>Columns</h2>" + columns + "</body></html>")
    return "\n".join(parts)
