"""The panels of a dashboard on a page, each where its JSON says."""

from html import escape
from typing import Any, Final

from dashboards.picture.asked import Line, Source
from dashboards.picture.charts import chart, legend
from dashboards.picture.units import colour, written

COLUMN, ROW, GAP = 64, 38, 8
WIDTH: Final = 24 * COLUMN + 2 * GAP
_HEAD: Final = 44
_AROUND, _LEGEND_ROW, _LETTER, _SAMPLE = 46, 17, 7, 34
_FILLS: Final = {"green": "#1f7a35", "red": "#b32638", "blue": "#2255a4", "#EAB839": "#b8860b"}
_STYLE: Final = f"""
* {{ box-sizing: border-box; margin: 0 }}
body {{ width: {WIDTH}px; background: #111217; color: #ccccdc;
  font: 13px Inter, "DejaVu Sans", sans-serif; position: relative }}
header {{ height: {_HEAD}px; padding: 13px 16px; font-size: 16px }}
header b {{ color: #fff }} header span {{ float: right; color: #8e8e99; font-size: 13px }}
section {{ position: absolute; padding: 0 {GAP // 2}px {GAP}px }}
section > div {{ height: 100%; background: #181b1f; border: 1px solid #24262c; border-radius: 3px;
  overflow: hidden; display: flex; flex-direction: column }}
h2 {{ font-size: 13px; font-weight: 600; padding: 7px 10px 3px; color: #d8d9da }}
.row {{ font-size: 15px; color: #d8d9da; padding: 9px 8px }}
.number {{ flex: 1; display: grid; place-items: center; color: #fff; font-size: 34px;
  font-weight: 600 }}
svg text {{ fill: #8e8e99; font-size: 11px }} .grid {{ stroke: #2a2c33; fill: none }}
.legend {{ padding: 0 12px 8px; font-size: 11.5px; line-height: 17px; color: #b5b6bd }}
.legend span {{ margin-right: 12px; white-space: nowrap }}
.legend i {{ display: inline-block; width: 12px; height: 3px; margin: 0 6px 3px 0 }}
table {{ border-collapse: collapse; width: 100%; font-size: 13px }}
th {{ color: #6e9fff; font-weight: 500 }} th, td {{ text-align: right; padding: 6px 14px;
  border-bottom: 1px solid #24262c }} th:nth-child(-n+2), td:nth-child(-n+2) {{ text-align: left }}
"""


def page(board: dict[str, Any], source: Source) -> tuple[str, int]:
    """The page and its height in pixels."""
    drawn = [_placed(panel, _panel(panel, source)) for panel in board["panels"]]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    said = f"last {source.seconds // 60} minutes"
    head = f"<header><b>{escape(board['title'])}</b><span>{said}</span></header>"
    html = f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>{head}{"".join(drawn)}'
    return html, _HEAD + rows * ROW + GAP


def _placed(panel: dict[str, Any], content: str) -> str:
    at = panel["gridPos"]
    place = (
        f"left:{GAP // 2 + at['x'] * COLUMN}px;top:{_HEAD + at['y'] * ROW}px;"
        f"width:{at['w'] * COLUMN}px;height:{at['h'] * ROW}px"
    )
    return f'<section style="{place}">{content}</section>'


def _panel(panel: dict[str, Any], source: Source) -> str:
    title = escape(panel["title"])
    if panel["type"] == "row":
        return f'<div class="row" style="background:none;border:0">{title}</div>'
    drawn = {"stat": _number, "timeseries": _lines, "table": _table}[panel["type"]](panel, source)
    return f"<div><h2>{title}</h2>{drawn}</div>"


def _number(panel: dict[str, Any], source: Source) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    found = source.numbers(panel["targets"][0]["expr"])
    if not found:
        return f'<div class="number">{escape(defaults["noValue"])}</div>'
    value = found[0][1]
    said = written(value, defaults["unit"], defaults.get("decimals"))
    for mapping in defaults.get("mappings", []):
        said = mapping["options"].get(f"{value:g}", {}).get("text", said)
    fill = colour(value, defaults["thresholds"]["steps"])
    return f'<div class="number" style="background:{_FILLS.get(fill, fill)}">{escape(said)}</div>'


def _lines(panel: dict[str, Any], source: Source) -> str:
    lines: list[Line] = []
    for target in panel["targets"]:
        lines += source.lines(target["expr"], target["legendFormat"], _least_step(panel))
    at = panel["gridPos"]
    width = at["w"] * COLUMN - GAP - 2
    rows = -(-sum(_LETTER * len(line.name) + _SAMPLE for line in lines) // (width - _SAMPLE))
    size = (width, at["h"] * ROW - _AROUND - _LEGEND_ROW * rows)
    return chart(panel, lines, (source.start, source.end), size) + legend(lines)


def _least_step(panel: dict[str, Any]) -> int:
    """Seconds."""
    return 60 * int(panel.get("interval", "0m").removesuffix("m")) or 1


def _table(panel: dict[str, Any], source: Source) -> str:
    """What the transformations make of the queries: one row for each task, sorted."""
    organised = panel["transformations"][1]["options"]
    names = organised["renameByName"]
    labels = [name for name in names if not name.startswith("Value #")]
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for target in panel["targets"]:
        column = names[f"Value #{target['refId']}"]
        for found, value in source.numbers(target["expr"]):
            rows.setdefault(tuple(found[label] for label in labels), {})[column] = value
    columns = [names[name] for name in names if name.startswith("Value #")]
    ordered = sorted(rows.items(), key=lambda row: -row[1].get(columns[0], 0.0))
    overrides = {
        each["matcher"]["options"]: {p["id"]: p["value"] for p in each["properties"]}
        for each in panel["fieldConfig"]["overrides"]
    }
    head = "".join(f"<th>{escape(name)}</th>" for name in [*(names[x] for x in labels), *columns])
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(label)}</td>' for label in key)}"
        f"{''.join(_cell(values.get(column), overrides[column]) for column in columns)}</tr>"
        for key, values in ordered
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: float | None, properties: dict[str, Any]) -> str:
    if value is None:
        return f"<td>{escape(properties['noValue'])}</td>"
    shade = "inherit"
    if "thresholds" in properties:
        name = colour(value, properties["thresholds"]["steps"])
        shade = {"red": "#F2495C", "green": "#73BF69", "text": "inherit"}.get(name, name)
    return f'<td style="color:{shade}">{written(value, properties["unit"])}</td>'
