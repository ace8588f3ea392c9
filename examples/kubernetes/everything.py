"""All of it as one file to apply: the manifests here, and what the demo's programs read.

``make dashboards`` writes ``everything.yaml`` anew; a test compares.
"""

from pathlib import Path
from typing import Final

import yaml

HERE: Final = Path(__file__).parent
REPOSITORY: Final = HERE.parents[1]
NAMESPACE: Final = "afterword-demo"
CONFIGURATION: Final = {
    "prometheus": [HERE / "prometheus.yaml"],
    "alertmanager": [REPOSITORY / "examples/compose/alertmanager.yaml"],
    "grafana-datasources": [REPOSITORY / "examples/compose/grafana/datasources.yaml"],
    "grafana-providers": [REPOSITORY / "examples/compose/grafana/dashboards.yaml"],
    "afterword-rules": sorted((REPOSITORY / "dashboards/rules").glob("*.yaml")),
    "afterword-dashboards": sorted((REPOSITORY / "dashboards").glob("*.json")),
}
_HEAD: Final = f"""\
# Made by `make dashboards`, do not edit. Everything of the demo:
#
#   kubectl apply --server-side -f examples/kubernetes/everything.yaml
#   kubectl -n {NAMESPACE} port-forward service/grafana 3000
#   kubectl -n {NAMESPACE} port-forward service/jaeger 16686
#   kubectl -n {NAMESPACE} port-forward deployment/shop 9464
"""


def everything() -> str:
    """The whole, as YAML."""
    manifests: list[object] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    ]
    for name, files in CONFIGURATION.items():
        data = {path.name: path.read_text(encoding="utf-8") for path in files}
        manifests.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "data": data,
            }
        )
    for name in ("watching.yaml", "shop.yaml"):
        for manifest in yaml.safe_load_all((HERE / name).read_text(encoding="utf-8")):
            manifest["metadata"] |= {"namespace": NAMESPACE}
            manifests.append(manifest)
    return _HEAD + "---\n" + yaml.dump_all(manifests, sort_keys=False, Dumper=_Dumper, width=120)


class _Dumper(yaml.SafeDumper):
    """No anchors, which not every reader follows, and files as blocks."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - of none
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

if __name__ == "__main__":
    (HERE / "everything.yaml").write_text(everything(), encoding="utf-8")
