"""Altair charts with escaped JSON, so that data cannot become HTML or script of the page."""

from __future__ import annotations

import json
from typing import Any

import altair as alt

# Renderers that write an HTML page.
PAGES = frozenset(("default", "html", "colab", "kaggle", "zeppelin", "olli", "browser"))
ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


class PlainJson(json.JSONEncoder):
    """JSON without the characters of HTML. They occur only in texts, where an escape means the same."""

    def encode(self, o: Any) -> str:
        """The JSON text of a value."""
        return super().encode(o).translate(ESCAPES)

    def iterencode(self, o: Any, _one_shot: bool = False) -> Any:
        """The same, piece by piece."""
        return (piece.translate(ESCAPES) for piece in super().iterencode(o, _one_shot))


class _Safe:
    """Writes the specification as `PlainJson` if it becomes a page."""

    def to_html(self, *args: Any, json_kwds: dict[str, Any] | None = None, **options: Any) -> str:
        return super().to_html(*args, json_kwds={"cls": PlainJson, **(json_kwds or {})}, **options)  # type: ignore[misc, no-any-return]

    def save(self, *args: Any, json_kwds: dict[str, Any] | None = None, **options: Any) -> None:
        super().save(*args, json_kwds={"cls": PlainJson, **(json_kwds or {})}, **options)  # type: ignore[misc]

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> Any:
        renderer = alt.renderers.get()
        if renderer is None or alt.renderers.active not in PAGES:
            return super()._repr_mimebundle_(*args, **options)  # type: ignore[misc]
        spec = self.to_dict(context={"pre_transform": False})  # type: ignore[attr-defined]
        return renderer(spec, json_kwds={"cls": PlainJson})


class SafeChart(_Safe, alt.Chart):
    """A chart."""


class SafeLayerChart(_Safe, alt.LayerChart):
    """Charts on top of each other."""
