"""All that is generated, by name."""

from dashboards.mixin.config import CONFIG, Config
from dashboards.mixin.overview import overview
from dashboards.mixin.rule_files import alerting_rules, recording_rules
from dashboards.mixin.sidecar import sidecar
from dashboards.mixin.task import task


def files(config: Config = CONFIG) -> dict[str, str]:
    """Paths inside ``dashboards`` and what stands there."""
    return {
        "overview.json": overview(config),
        "task.json": task(config),
        "sidecar.json": sidecar(config),
        "rules/recording.yaml": recording_rules(config),
        "rules/alerts.yaml": alerting_rules(config),
    }
