"""The audit of a book with many streams: piece by piece, and no more of it shown than helps."""

import pytest

from afterword_sidecar.ledger.audit import FAULTS_SHOWN
from afterword_sidecar.ledger.facts import Settled
from afterword_sidecar.web import readings
from worlds.operators_port import OperatorsPort


def stream_of(number: int) -> bytes:
    return number.to_bytes(16, "big")


async def test_pieces_of_it_add_up_to_the_whole(
    port: OperatorsPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every stream is counted once, live or ended, with more of them than are looked at at once."""
    monkeypatch.setattr(readings, "STREAMS_AUDITED_AT_ONCE", 2)
    for number in range(1, 8):
        await port.told(port.scheduled(1), stream=stream_of(number))
    await port.told(port.scheduled(3), stream=stream_of(5))
    await port.service.stream_ended(stream_of(7), alive_at=port.now)
    audit = await port.get("/api/v1/audit")
    (shop,) = audit["services"]
    assert (shop["streams_live"], shop["streams_ended"]) == (6, 1)
    assert [each["stream"] for each in shop["streams_at_fault"]] == [stream_of(5).hex()]
    assert (shop["scheduled"], shop["in_flight"], audit["trusted"]) == (8, 7, False)


async def test_of_very_many_at_fault_the_worst_are_shown(port: OperatorsPort) -> None:
    """Most missing first, the others counted; among equals those that came first."""
    for number in range(FAULTS_SHOWN + 20):
        missing = 1 + number % 2
        closing = Settled(2 + missing, 1, port.now, "send_receipt", "completed", "completed")
        await port.told(port.scheduled(1), closing, stream=stream_of(number))
    (shop,) = (await port.get("/api/v1/audit", service="shop"))["services"]
    twos = range(1, FAULTS_SHOWN + 20, 2)
    ones = range(0, FAULTS_SHOWN + 20, 2)
    worst = [stream_of(number).hex() for number in (*twos, *ones)][:FAULTS_SHOWN]
    assert [each["stream"] for each in shop["streams_at_fault"]] == worst
    assert shop["streams_left_off"] == 20
