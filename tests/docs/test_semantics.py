"""``docs/semantics.md`` says what the code does: its tables are compared with it."""

import re
from pathlib import Path
from typing import Final

from afterword import names
from afterword_sidecar.ledger.transitions import TRANSITIONS, Action, Kind, State
from afterword_sidecar.ledger.verdicts import OBSERVED_RULES
from afterword_sidecar.ledger.view import View
from afterword_sidecar.metrics.exemplars import Exemplars
from afterword_sidecar.metrics.families import families
from afterword_sidecar.metrics.itself import Itself

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text()


def between(mark: str) -> str:
    """What stands between two comments of the document."""
    found = re.search(rf"<!-- {mark}: .* -->\n(.*?)<!-- end of {mark} -->", DOCUMENT, re.DOTALL)
    assert found, f"{mark}: not marked in the document"
    return found[1].strip()


def words(name: str) -> str:
    return name.lower().replace("_", " ")


def test_the_transitions_are_those_of_the_code() -> None:
    """Every state and every kind of evidence, as the ledger's table has them."""
    heads = [words(kind.name) for kind in Kind]
    rows = [
        " | ".join(
            [
                f"`{state.name}`",
                *("·" if action is Action.IGNORE else words(action.name) for action in actions),
            ]
        )
        for state, actions in TRANSITIONS.items()
    ]
    table = "\n".join(
        [
            f"| state | {' | '.join(heads)} |",
            "|" + "---|" * (len(heads) + 1),
            *(f"| {row} |" for row in rows),
        ]
    )
    assert set(TRANSITIONS) == set(State)
    assert between("transitions") == table, f"the document should have:\n{table}"


def test_the_outcomes_are_those_of_the_code() -> None:
    """Every outcome with every reason, and the rules of those that tasks tell themselves."""
    cells = re.findall(r"^\| (\d+) \| `(\w+)` \| `(\w+)` \|", between("outcomes"), re.MULTILINE)
    rules = {(outcome, reason): int(rule) for rule, outcome, reason in cells}
    known = {(outcome, reason) for outcome, reasons in names.REASONS.items() for reason in reasons}
    assert set(rules) == known
    for pair, rule in OBSERVED_RULES.items():
        assert rules[pair] == rule


def test_every_name_of_the_wire_is_described() -> None:
    """Events and attributes of ``names``, whole or, after their event, by their last part."""
    wire = [
        value
        for name, value in vars(names).items()
        if name.isupper() and isinstance(value, str) and value.startswith("deferred_task.")
    ]
    assert len(wire) > 30
    missing = [
        name
        for name in wire
        if f"`{name}`" not in DOCUMENT
        and f"`.{name.removeprefix('deferred_task.')}`" not in DOCUMENT
    ]
    assert missing == []


def test_every_metric_is_described_and_no_other() -> None:
    """The families of ``/metrics``, counters with their ``_total``; the sidecar's own by prefix."""
    served = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in families(View(), Itself(started_at=0.0, version="1", book_id=""), Exemplars())
        if not family.name.startswith("afterword_sidecar_")
    }
    described = set(re.findall(r"`(afterword_\w+)`", DOCUMENT))
    assert served == described
