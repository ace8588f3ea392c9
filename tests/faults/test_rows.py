"""Every row of ``make faults``, small."""

import pytest

from worlds.faults.fault import Delivery, Fault
from worlds.faults.registry import FAULTS
from worlds.faults.run import run

TASKS = 12
SEED = 1


@pytest.mark.parametrize(
    ("fault", "delivery"),
    [
        pytest.param(fault, delivery, id=f"{fault.name}, {delivery}")
        for fault in FAULTS
        for delivery in fault.deliveries
    ],
)
def test_the_book_says_what_truly_happened(fault: Fault, delivery: Delivery) -> None:
    """No task wrong, none invisible, no success called lost; what died in a buffer stands apart."""
    judgement = run(fault, delivery, tasks=TASKS, seed=SEED)
    assert judgement.agrees, "\n".join(judgement.differences)
    assert judgement.right + judgement.died_in_buffer == judgement.tasks > 0
