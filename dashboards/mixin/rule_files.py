"""Rules as the YAML files that Prometheus reads."""

from typing import Any

import yaml

from dashboards.mixin.alerts import Alert, evidence_alerts, sidecar_alerts, task_alerts
from dashboards.mixin.config import Config
from dashboards.mixin.recording import records

_HEAD = "# Made by `make dashboards` from dashboards/mixin, do not edit.\n"


def recording_rules(config: Config) -> str:
    """``rules/recording.yaml``."""
    rules = [{"record": rule.record, "expr": rule.expression} for rule in records(config)]
    return _written([{"name": "afterword-recording", "rules": rules}])


def alerting_rules(config: Config) -> str:
    """``rules/alerts.yaml``."""
    groups = {
        "afterword-tasks": task_alerts(config),
        "afterword-evidence": evidence_alerts(config),
        "afterword-sidecar": sidecar_alerts(config),
    }
    return _written(
        [
            {"name": name, "rules": [_alerting(alert, config) for alert in alerts]}
            for name, alerts in groups.items()
        ]
    )


def _alerting(alert: Alert, config: Config) -> dict[str, Any]:
    lasting = {"for": alert.lasting} if alert.lasting else {}
    keep = {"keep_firing_for": alert.keep_firing} if alert.keep_firing else {}
    return {
        "alert": alert.alert,
        "expr": alert.expression,
        **lasting,
        **keep,
        "labels": {"severity": alert.severity, **alert.labels},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{config.runbooks}#{alert.alert.lower()}",
        },
    }


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stand as they are; lists stand in from their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - PyYAML's signature
        super().increase_indent(flow=flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _written(groups: list[dict[str, Any]]) -> str:
    body = yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, width=100)
    return _HEAD + body
