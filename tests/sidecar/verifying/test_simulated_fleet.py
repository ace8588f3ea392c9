"""A whole simulated fleet, verified: two programs that share no rule agree on every task."""

from pathlib import Path

import pytest

from afterword_sidecar.ledger import verdicts
from afterword_sidecar.verifying.findings import Finding
from worlds.journals import kept, verify
from worlds.simulation import run
from worlds.simulation.judge import WrongVerdictError
from worlds.simulation.run import simulate
from worlds.simulation.sidecar import Sidecar


@pytest.fixture
def sidecars(monkeypatch: pytest.MonkeyPatch) -> list[Sidecar]:
    """The sidecars of the test, each noted when it is made."""
    made: list[Sidecar] = []

    class Noted(Sidecar):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[arg-type] # as they were given
            made.append(self)

    monkeypatch.setattr(run, "Sidecar", Noted)
    return made


@pytest.mark.parametrize("seed", range(2))
def test_every_verdict_of_a_fleet_is_confirmed(
    seed: int, tmp_path: Path, sidecars: list[Sidecar]
) -> None:
    """Loss, copies, reordering, skew, forks, leases, crashes of the sidecar: all is confirmed."""
    result = simulate(seed, tasks=4_000, journal=tmp_path)
    report = verify(tmp_path, kept(sidecars[0].memory))
    assert report.problems == []
    assert report.total(Finding.CONFIRMED) >= result.tasks - 1_000
    assert {said.rpartition("/")[2] for said in report.verdicts} == {
        "observed",
        "proven",
        "inferred",
    }


def test_a_wrong_rule_of_the_ledgers_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that calls every loss expired is contradicted, verdict by verdict."""
    monkeypatch.setattr(verdicts, "_decide", lambda *_: (14, "dropped", "expired"))
    with pytest.raises(WrongVerdictError):
        simulate(1, tasks=2_000, journal=tmp_path)
    report = verify(tmp_path)
    assert report.wrong
    assert report.total(Finding.CONTRADICTED) > 10
    assert report.total(Finding.UNTOLD) == 0
    assert "dropped/expired/proven" in report.verdicts
    assert report.verdicts["dropped/expired/proven"]["confirmed"] == 0
