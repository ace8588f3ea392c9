"""Panels as this project draws them: title, unit, what it means, the templated data source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from dashboards.mixin.promql import selector

SOURCE: Final = common_models.DataSourceRef(type_val="prometheus", uid="$datasource")

GREEN, YELLOW, RED, BLUE = "green", "#EAB839", "red", "blue"

Steps = Sequence[tuple[float | None, str]]
"""From which value on which colour; the first one from ``None``."""
Panel = stat.Panel | series.Panel | heatmap.Panel | table.Panel


@dataclass(frozen=True)
class Query:
    """An expression and what its series are called."""

    expression: str
    legend: str = ""
    exemplars: bool = False


def of_instance(metric: str, *matchers: str) -> str:
    """A selector of one of the chosen sidecars; the linter wants it spelt so."""
    return selector(metric, 'job=~"$job"', 'instance=~"$instance"', *matchers)


def of_service(metric: str, *matchers: str) -> str:
    """The same, of the chosen services."""
    return of_instance(metric, 'service_name=~"$service"', *matchers)


def of_task(metric: str, *matchers: str) -> str:
    """The same, of the chosen tasks."""
    return of_service(metric, 'task=~"$task"', *matchers)


def number(
    title: str,
    description: str,
    expression: str,
    *,
    unit: str,
    steps: Steps,
    width: int = 4,
    decimals: int | None = None,
    said: dict[str, str] | None = None,
    nothing: str = "none",
    link: tuple[str, str] | None = None,
) -> stat.Panel:
    """One number, coloured by ``steps``. ``said`` says some values in words, ``link`` leads on."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .thresholds(_thresholds(steps))
        .color_mode(common_models.BigValueColorMode.BACKGROUND)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value(nothing)
        .span(width)
        .height(4)
        .with_target(_target(Query(expression), "A").instant())
    )
    if decimals is not None:
        panel.decimals(decimals)
    if said:
        results = {value: models.ValueMappingResult(text=text) for value, text in said.items()}
        panel.mappings([models.ValueMap(options=results)])
    if link:
        panel.data_links([_link(*link)])
    return panel


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    width: int = 12,
    stacked: bool = False,
    bars: bool = False,
    steps: Steps = (),
    link: tuple[str, str] | None = None,
) -> series.Panel:
    """Lines over time, or areas or ``bars`` on each other; ``steps`` draws a dashed threshold.

    Bars are for what is counted in each step, of which none is shorter than a scrape.
    """
    panel = (
        series.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(80 if bars else 35 if stacked else 8)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        .span(width)
        .height(8)
    )
    if bars:
        panel.draw_style(common_models.GraphDrawStyle.BARS).interval("1m")
    if stacked or bars:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if steps:
        panel.thresholds(_thresholds(steps))
        dashed = common_models.GraphThresholdsStyleMode.DASHED
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(dashed))
    for place, query in enumerate(queries):
        panel.with_target(_target(query, chr(ord("A") + place)).range())
    if link:
        panel.data_links([_link(*link)])
    return panel


def heat(
    title: str, description: str, expression: str, *, unit: str, width: int = 12
) -> heatmap.Panel:
    """A classic histogram's buckets over time."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .steps(64)
            .fill("dark-orange")
            .exponent(0.5)
        )
        .cell_gap(1)
        .span(width)
        .height(8)
        .with_target(
            _target(Query(expression, "{{le}}"), "A")
            .range()
            .format(prometheus_models.PromQueryFormat.HEATMAP)
        )
    )


@dataclass(frozen=True)
class Column:
    """A column of a table: an instant query by the table's labels."""

    name: str
    expression: str
    unit: str = "short"
    steps: Steps = ()
    nothing: str = "0"


def rows(
    title: str,
    description: str,
    labels: dict[str, str],
    columns: Sequence[Column],
    *,
    link: tuple[str, str],
) -> table.Panel:
    """A row for each combination of ``labels`` (label: heading), in the first column's order."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("short")
        .no_value("0")
        .span(24)
        .height(9)
        .sort_by([common.TableSortByFieldState().display_name(columns[0].name).desc(True)])
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    )
    renamed = dict(labels)
    for place, column in enumerate(columns):
        ref = chr(ord("A") + place)
        renamed[f"Value #{ref}"] = column.name
        query = _target(Query(column.expression), ref).instant()
        panel.with_target(query.format(prometheus_models.PromQueryFormat.TABLE))
        panel.override_by_name(column.name, _column_properties(column))
    order = {name: place for place, name in enumerate(renamed)}
    organize = {"renameByName": renamed, "indexByName": order, "excludeByName": {"Time": True}}
    panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=organize))
    return panel.data_links([_link(*link)])


def _column_properties(column: Column) -> list[models.DynamicConfigValue]:
    properties = [
        models.DynamicConfigValue("unit", column.unit),
        models.DynamicConfigValue("noValue", column.nothing),
    ]
    if column.steps:
        steps = [{"value": value, "color": colour} for value, colour in column.steps]
        properties += [
            models.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps}),
            models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ]
    return properties


def _target(query: Query, ref: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend)
        .datasource(SOURCE)
        .exemplar(query.exemplars)
        .ref_id(ref)
    )


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).url(url)
