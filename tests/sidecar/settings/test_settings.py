"""The sidecar's settings: read from flags and environment, and refused all together."""

import re
from pathlib import Path
from typing import Any

import pytest

from afterword import settings as application
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.settings import (
    SETTINGS,
    Settings,
    SettingsError,
    check_places,
    read_settings,
)
from afterword_sidecar.settings.documentation import settings_tables, with_tables
from afterword_sidecar.settings.otlp_exporter import KEYS, PREFIX
from afterword_sidecar.upstream import Destination
from afterword_sidecar.web.limits import ReceiverLimits

REPOSITORY = Path(__file__).parents[3]


def problems_of(
    flags: dict[str, str] | None = None, environment: dict[str, str] | None = None
) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(flags or {}, environment or {})
    return {problem.name: str(problem) for problem in caught.value.problems}


def test_defaults_listen_on_loopback_only() -> None:
    """With nothing said the sidecar starts, and nobody outside the machine reaches it."""
    settings = read_settings({}, {})
    assert (settings.receiver_host, settings.receiver_port) == ("127.0.0.1", 4318)
    assert (settings.operators_host, settings.operators_port) == ("127.0.0.1", 9464)
    assert settings.body_bytes == 20 * 2**20


def test_flags_win_over_the_environment_and_an_empty_variable_is_unset() -> None:
    """The order is flag, environment, default; ``VAR=`` means not set, as OpenTelemetry has it."""
    environment = {
        "AFTERWORD_SIDECAR_GRACE": "7s",
        "AFTERWORD_SIDECAR_LONGEST_LIFE": "2h",
        "AFTERWORD_SIDECAR_RECEIVER_PORT": "",
        "AFTERWORD_SPOOL": "/spool",
        "AFTERWORD_TOKEN": "s3cret",
        "AFTERWORD_SIDECAR_UNSET_COMPLETED": "shop, mail,",
    }
    settings = read_settings({"grace_seconds": "250ms"}, environment)
    assert settings.grace_seconds == 0.25
    assert settings.longest_life_seconds == 7200
    assert settings.receiver_port == 4318
    assert (settings.spool, settings.token) == ("/spool", "s3cret")
    assert settings.unset_completed == {"shop", "mail"}


def test_every_wrong_value_is_reported_at_once() -> None:
    """Name, value, reason and hint for each, so that one start shows all there is to mend."""
    problems = problems_of(
        {"receiver_port": "70000", "grace_seconds": "soon", "log_level": "loud"},
        {
            "AFTERWORD_SIDECAR_DEAD_LETTER_COUNT": "-1",
            "AFTERWORD_SIDECAR_BODY_BYTES": "9ZiB",
            "AFTERWORD_SIDECAR_OPERATORS_HOST": "http://0.0.0.0",
            "AFTERWORD_SIDECAR_GRCE": "1s",
        },
    )
    assert sorted(problems) == [
        "--grace",
        "--log-level",
        "--receiver-port",
        "AFTERWORD_SIDECAR_BODY_BYTES",
        "AFTERWORD_SIDECAR_DEAD_LETTER_COUNT",
        "AFTERWORD_SIDECAR_GRCE",
        "AFTERWORD_SIDECAR_OPERATORS_HOST",
    ]
    assert problems["--receiver-port"] == (
        "--receiver-port='70000': it is not a port; 0 (any free one) to 65535"
    )


@pytest.mark.parametrize(
    ("misspelt", "hint"),
    [
        ("AFTERWORD_SIDECAR_GRCE", "did you mean AFTERWORD_SIDECAR_GRACE?"),
        ("AFTERWORD_SIDECAR_SPOOL", "did you mean AFTERWORD_SPOOL?"),
        ("AFTERWORD_SIDECAR_TOKEN", "did you mean AFTERWORD_TOKEN?"),
        ("AFTERWORD_SIDECAR_FOO", "see `afterword sidecar --help`"),
        ("AFTERWORD_SIDECAR_PORT", "see `afterword sidecar --help`"),
        ("AFTERWORD_TOKN", "did you mean AFTERWORD_TOKEN?"),
        ("AFTERWORD_GRACE", "did you mean AFTERWORD_SIDECAR_GRACE?"),
    ],
)
def test_a_misspelt_variable_is_refused_and_a_near_one_suggested(misspelt: str, hint: str) -> None:
    """Near by what follows the prefix; and its value, perhaps a secret, is not repeated."""
    problems = problems_of({}, {misspelt: "hunter2"})
    assert problems == {misspelt: f"{misspelt}: there is no such setting; {hint}"}


def test_two_things_in_one_place_are_refused(tmp_path: Path) -> None:
    """However it is spelt: each keeps files there that the other does not know."""
    place, link = tmp_path / "place", tmp_path / "link"
    link.symlink_to(place)
    told = {"database": str(place), "spool": str(link), "journal": str(tmp_path / "x/../place")}
    problems = problems_of(told)
    assert list(problems) == ["--spool", "--journal"]
    assert "the database has that place; give each" in problems["--journal"]


def test_a_relative_spool_in_the_environment_is_refused_as_the_application_does() -> None:
    """One variable for both: what one refuses the other must not take. A flag wins."""
    environment = {"AFTERWORD_SPOOL": "spool"}
    assert "not an absolute path" in problems_of({}, environment)["AFTERWORD_SPOOL"]
    _, problems = application.read(environment, {})
    assert [problem.setting for problem in problems] == ["AFTERWORD_SPOOL"]
    assert read_settings({"spool": "/here"}, environment).spool == "/here"


@pytest.mark.parametrize("name", ["finality_seconds", "grace_seconds", "body_bytes"])
def test_a_negative_quantity_is_called_negative(name: str) -> None:
    """A unit is not what is missing from ``-3``."""
    (problem,) = problems_of({name: "-3"}).values()
    assert "it is negative" in problem


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("receiver_port", "٤٣١٨"),
        ("grace_seconds", "1e999s"),
        ("grace_seconds", "9" * 400),
        ("longest_life_seconds", "0"),
        ("stop_seconds", "1000000w"),
        ("dead_letter_payload_bytes", "9999999999GiB"),
        ("dead_letter_count", "1.5"),
        ("dead_letter_payload_bytes", "0.2b"),
        ("receiver_host", "127.0.0.1:4318"),
        ("database", "a\0b"),
        ("token", "two words"),
        ("trace_url", "javascript:alert({trace_id})"),
        ("trace_url", "https://traces.example/?q=it"),
    ],
)
def test_wrong_values_are_refused(name: str, wrong: str) -> None:
    """What looks like a value but is none is refused with a reason, never taken or crashed on."""
    assert len(problems_of({name: wrong})) == 1


def test_a_secret_is_never_shown() -> None:
    """A refused token is not repeated in the report."""
    assert "hunter2" not in str(problems_of({}, {"AFTERWORD_TOKEN": "hunter2 \u00e9"}))


def test_settings_that_contradict_each_other_are_refused() -> None:
    """One port for two servers and an inflated limit under the wire's are mistakes."""
    problems = problems_of(
        {"receiver_port": "9000", "operators_port": "9000", "inflated_bytes": "1MiB"}
    )
    assert sorted(problems) == ["--inflated-bytes", "--operators-port"]


def test_variables_that_kubernetes_sets_are_not_misspelt_settings() -> None:
    """A Service named afterword-sidecar must not keep the sidecar from starting."""
    read_settings(
        {},
        {
            "AFTERWORD_SIDECAR_SERVICE_HOST": "10.0.0.1",
            "AFTERWORD_SIDECAR_SERVICE_PORT_OTLP": "4318",
            "AFTERWORD_SIDECAR_PORT": "tcp://10.0.0.1:4318",
            "AFTERWORD_SIDECAR_PORT_4318_TCP_ADDR": "10.0.0.1",
            "AFTERWORD_SERVICE_PORT": "4318",
        },
    )


def test_the_applications_variables_may_stand_in_the_sidecars_environment() -> None:
    """None of them is near enough to one of the sidecar's to be taken for a misspelt one."""
    shared = {"AFTERWORD_SPOOL", "AFTERWORD_TOKEN"}
    read_settings({}, dict.fromkeys({*application.VARIABLES} - shared, "as it likes"))


def test_places_that_cannot_be_used_are_named_before_anything_starts(tmp_path: Path) -> None:
    """A database in no directory and a spool that is a file are both told, and nothing is made."""
    (tmp_path / "file").touch()
    wrong = {"database": str(tmp_path / "no" / "book.db"), "spool": str(tmp_path / "file")}
    problems = [str(problem) for problem in check_places(wrong, {})]
    assert len(problems) == 2
    assert f"there is no directory {tmp_path / 'no'}" in problems[0]
    assert "it is not a directory" in problems[1]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    good = {"database": str(tmp_path / "book.db"), "spool": str(tmp_path / "spool")}
    assert check_places(good, {}) == []
    assert check_places({"database": ":memory:"}, {}) == []


def test_the_table_covers_the_settings_and_the_document_is_true() -> None:
    """Every field has a row, every row a documented flag or variable, and the document is fresh."""
    fields = set(Settings.__struct_fields__) - {"upstream"}  # told by OpenTelemetry's variables
    assert [setting.name for setting in SETTINGS] == sorted(
        fields, key=[setting.name for setting in SETTINGS].index
    )
    document = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    assert with_tables(document) == document, (
        "run: python -m afterword_sidecar.settings.documentation docs/settings.md"
    )
    assert all(setting.variable in settings_tables() for setting in SETTINGS)


@pytest.mark.parametrize("variable", application.VARIABLES)
def test_the_applications_table_tells_the_codes_defaults(variable: str) -> None:
    """Each variable has its row, and setting the default it documents changes nothing."""
    document = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    _, _, table = document.partition("\n## The application\n")
    rows = re.findall(rf"^\| `{variable}` \| (none|`[^`]+`) \|", table, re.MULTILINE)
    assert len(rows) == 1
    documented = "" if rows == ["none"] else rows[0].strip("`")
    settings, problems = application.read({variable: documented}, {})
    assert (settings, problems) == (application.Settings(), [])
    if not documented:
        assert not getattr(settings, variable.removeprefix("AFTERWORD_").lower())


def test_the_defaults_are_those_of_the_parts() -> None:
    """What is documented as a default is what the ledger and the receiver would do untold."""
    settings, limits, receiver = read_settings({}, {}), Limits(), ReceiverLimits()
    shared = set(Limits.__struct_fields__) & set(Settings.__struct_fields__)
    assert {"grace_seconds", "longest_life_seconds", "series_in_all"} <= shared
    for name in shared:
        assert getattr(settings, name) == getattr(limits, name), name
    assert settings.body_bytes == receiver.body_bytes
    assert settings.inflated_bytes == receiver.inflated_bytes


def test_upstream_is_told_by_opentelemetrys_own_variables() -> None:
    """A general endpoint gets the signal's path, one signal's own is taken as it is and wins."""
    settings = read_settings(
        {},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318/base/",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces/in",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20t, x-tenant=shop",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
            "OTEL_METRICS_EXPORTER": "none",
        },
    )
    headers = (("authorization", "Bearer t"), ("x-tenant", "shop"))
    common: dict[str, Any] = {"headers": headers, "timeout_seconds": 2.5}
    assert settings.upstream.traces == Destination(url="http://traces/in", gzip=True, **common)
    assert settings.upstream.logs == Destination(
        url="https://collector:4318/base/v1/logs", **common
    )
    assert settings.upstream.metrics is None
    assert not read_settings({}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}).upstream.any


def test_what_is_wrong_with_the_upstream_is_reported_with_the_rest() -> None:
    """Each variable once, however many signals it is of; secrets are not shown."""
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://user:s3cret@traces",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "collector:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_HEADERS": "s3cret",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "10",
        "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "zstd",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem",
    }
    problems = problems_of({"grace_seconds": "soon"}, told)
    assert set(problems) == {"--grace", *told}
    assert "round in circles" in problems["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert not any("s3cret" in problem for problem in problems.values())


def test_every_variable_of_the_upstream_is_documented() -> None:
    """The document has them all."""
    document = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [key for key in KEYS if f"`{PREFIX}{key}`" not in document] == []
