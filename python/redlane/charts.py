"""Charts of findings, and of what a detector learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redlane._visible import visible
from redlane.errors import ArgumentError

POINTS = 4000

if TYPE_CHECKING:
    from redlane.detectors import Detector
    from redlane.shipments import Shipments


def strip(ships: Shipments, row: int, line: dict[str, Any]) -> Any:
    """Value and weight of one shipment among those of its HS code, both on log scales."""
    import altair as alt

    from redlane.safe_charts import SafeChart, SafeLayerChart

    one = ships.rows([row])
    role = "hs6" if "hs" in ships.roles else None
    peers = ships
    label = "all shipments"
    if role is not None:
        code = one.aggregate(role, "shipments")[role].to_pylist()[0]
        if code is not None:
            peers = ships.where(**{role: code})
            label = f"HS {code}"
    points = peers.aggregate(["value", "net_weight"], "shipments")
    pairs = list(zip(points["value"].to_pylist(), points["net_weight"].to_pylist(), strict=True))
    # With too many points, take every n-th. They are sorted by value, so the whole range stays.
    pairs = pairs[:: -(-len(pairs) // POINTS)] if pairs else []
    values = [{"value": v, "weight": w, "kind": label} for v, w in pairs if v and w and v > 0 and w > 0]
    own = one.aggregate(["value", "net_weight"], "shipments").to_pylist()[0]
    values.append({"value": own["value"], "weight": own["net_weight"], "kind": f"row {row}"})
    base = SafeChart({"values": values}).encode(
        x=alt.X("weight:Q", scale=alt.Scale(type="log"), title="net weight, kg"),
        y=alt.Y("value:Q", scale=alt.Scale(type="log"), title="value"),
        tooltip=["value:Q", "weight:Q"],
    )
    others = base.mark_circle(color="#9aa5b1", opacity=0.5).transform_filter(alt.datum.kind == label)
    this = base.mark_point(color="#c81e1e", size=160, filled=True).transform_filter(alt.datum.kind != label)
    title = alt.TitleParams(visible(f"Row {row} among {label}"), subtitle=_wrap(visible(str(line["reason"]))))
    return SafeLayerChart(layer=[others, this]).properties(title=title, width=480, height=320)


def _wrap(text: str, width: int = 90) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def timeline(ships: Shipments, line: dict[str, Any]) -> Any:
    """The value of shipments by month."""
    import altair as alt

    from redlane.safe_charts import SafeChart

    measure = "value" if "value" in ships.roles else "shipments"
    months = ships.aggregate("month", measure, fill="zero").to_pylist()
    values = [{"month": str(m["month"]), "value": m[measure]} for m in months if m["month"] is not None]
    title = alt.TitleParams(visible(str(line["subject"])), subtitle=_wrap(visible(str(line["reason"]))))
    return (
        SafeChart({"values": values})
        .mark_bar(color="#c81e1e")
        .encode(
            x=alt.X("yearmonth(month):T", title=None),
            y=alt.Y("value:Q", title=f"{measure} of the records behind it"),
            tooltip=["month:T", "value:Q"],
        )
        .properties(title=title, width=480, height=320)
    )


def calibration(detector: Detector) -> Any:
    """The share of scores that lie as far out, against their p-value, on log scales: one line for each level and side.

    `detector` is fitted. On the diagonal all records are as rare as their p-values say. A line that leaves it upwards
    at small p-values shows errors: more scores are far out than nature explains. A detector that learns no tails is an
    `ArgumentError`.

    Returns an Altair chart.

    >>> import redlane as rl
    >>> detector = rl.UnitValue().fit(rl.samples.shipments(20_000).ships)
    >>> type(rl.charts.calibration(detector)).__name__
    'SafeLayerChart'
    """
    import altair as alt

    from redlane.safe_charts import SafeChart, SafeLayerChart

    rows = detector.calibration().to_pylist()
    if not rows:
        raise ArgumentError(f"{type(detector).__name__} learns no tails from its scores, so there is nothing to draw")
    points = [
        {"expected": p, "observed": share, "line": visible(f"{row['level']}, {row['side']}: {row['story']}")}
        for row in rows
        for p, share in zip(row["expected"], row["observed"], strict=True)
        if row["scores"] and p > 1e-9 and share * row["scores"] >= 1
    ]
    lowest = min(min(point["expected"], point["observed"]) for point in points) if points else 1e-3
    axis = alt.Scale(type="log", domain=[lowest, 1])
    lines = (
        SafeChart({"values": points})
        .mark_line(clip=True)
        .encode(
            x=alt.X("expected:Q", scale=axis, title="p-value"),
            y=alt.Y("observed:Q", scale=axis, title="share of scores as far out"),
            color=alt.Color("line:N", title=None),
            tooltip=["line:N", "expected:Q", "observed:Q"],
        )
    )
    diagonal = SafeChart({"values": [{"expected": v, "observed": v} for v in (lowest, 1)]}).mark_line(
        color="#9aa5b1", strokeDash=[4, 4]
    )
    diagonal = diagonal.encode(x=alt.X("expected:Q", scale=axis), y=alt.Y("observed:Q", scale=axis))
    return SafeLayerChart(layer=[diagonal, lines]).properties(
        title="Observed and expected p-values", width=420, height=420
    )
