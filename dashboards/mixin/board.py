"""What all dashboards share: variables, restarts as annotations, links, numbered panels."""

import json
from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.mixin.config import Config
from dashboards.mixin.panels import SOURCE, Panel, of_instance, of_service

_TAG: Final = "afterword"
_STEP: Final = "60s"
_STARTED: Final = f"time() - {of_instance('afterword_sidecar_start_time_seconds')} < 60"
_ALL: Final = models.VariableOption(selected=True, text="All", value="$__all")


def board(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[tuple[str, Sequence[Panel]]],
    variables: Sequence[dashboard.QueryVariable | dashboard.TextBoxVariable],
) -> str:
    """A dashboard as JSON. Data source, job and instance are variables before ``variables``."""
    built = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([_TAG])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-3h", "now")
        .refresh("30s")
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
        .with_variable(chosen("job", "Job", "label_values(afterword_sidecar_build_info, job)"))
        .with_variable(
            chosen(
                "instance",
                "Instance",
                'label_values(afterword_sidecar_build_info{job=~"$job"}, instance)',
            )
        )
        .annotation(_restarts())
        .link(_others())
    )
    for variable in variables:
        built.with_variable(variable)
    for name, panels in rows:
        built.with_row(dashboard.Row(name))
        for panel in panels:
            built.with_panel(panel)
    return _numbered(json.loads(json.dumps(built.build(), cls=JSONEncoder)))


def chosen(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A variable of several values, all of them unless chosen."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(_ALL)
    )


def services() -> dashboard.QueryVariable:
    """The services that report."""
    metric = of_instance("afterword_tasks_scheduled_total")
    return chosen("service", "Service", f"label_values({metric}, service_name)")


def tasks() -> dashboard.QueryVariable:
    """Their tasks."""
    metric = of_service("afterword_tasks_scheduled_total")
    return chosen("task", "Task", f"label_values({metric}, task)")


def one(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
    """The same with one value, the first unless a link says which."""
    return variable.multi(False).include_all(False).current(models.VariableOption())


def page(config: Config) -> dashboard.TextBoxVariable:
    """Where a browser reaches the sidecar's page."""
    return dashboard.TextBoxVariable("page").label("Sidecar's page").default_value(config.page)


def _restarts() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Sidecar starts")
        .datasource(SOURCE)
        .expr(_STARTED)
        .step(_STEP)
        .title_format("sidecar started")
        .text_format("{{instance}}")
        .icon_color("purple")
        .enable(True)
    )


def _others() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Afterword")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )


def _numbered(built: dict[str, Any]) -> str:
    """Panels get numbers from 1 on: the builder gives none, and rows all 0."""
    for place, panel in enumerate(built["panels"], 1):
        panel["id"] = place
    return json.dumps(built, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
