"""Lines of a spool, as the instrumentation writes them and as crashes leave them."""

import json

from afterword_sidecar.ledger.facts import Batch, Fact, Scheduled, Settled, Source
from afterword_sidecar.otlp import decode_logs, decode_spool_lines
from worlds.otlp_requests import AT, RECEIVED_AT, STREAM, Json, logs, record, scheduled, settled

SOURCE = Source(bytes.fromhex(STREAM), "shop")


def line(told: Json, **about: str) -> bytes:
    """One record's line, with the separators the instrumentation uses."""
    return json.dumps(logs([told], **about), separators=(",", ":")).encode()  # type: ignore[arg-type]


def test_lines_of_one_stream() -> None:
    """Facts in the order written, one batch a source, under this kernel's clock."""
    lines = [line(scheduled(1)), line(settled(2, 1)), line(scheduled(3, {"name": "é"}))]
    decoded = decode_spool_lines(lines, RECEIVED_AT)
    facts: list[Fact] = [
        Scheduled(1, AT, "send"),
        Settled(2, 1, AT, "send", "completed", "completed"),
        Scheduled(3, AT, "é"),
    ]
    assert decoded.batches == [Batch(SOURCE, facts, RECEIVED_AT, same_clock=True)]
    assert (decoded.rejected, decoded.ignored) == ({}, 0)


def test_torn_and_odd_lines_cost_themselves() -> None:
    """Torn pieces, other prefixes, bad records: each costs its own line and no other."""
    whole = line(scheduled(5))
    lines = [
        line(scheduled(1)),
        whole[:-1],
        whole[: len(whole) // 2],
        whole[9:],
        whole + whole,
        b"",
        line(scheduled(0)),
        whole.replace(b'"send"', b'"\\ud800"'),
        line(record("other.event")),
        line(scheduled(6), stream="aa" * 16),
        json.dumps(logs([scheduled(7), scheduled(8)])).encode(),
        line(scheduled(9)),
    ]
    decoded = decode_spool_lines(lines, RECEIVED_AT)
    told = [
        (batch.source.stream[0], [f.sequence for f in batch.facts]) for batch in decoded.batches
    ]
    assert told == [(0x5E, [1, 5, 7, 8, 9]), (0xAA, [6])]
    assert decoded.rejected == {"malformed": 4, "bad_sequence": 1}
    assert decoded.ignored == 1


def test_a_prefix_is_never_taken_for_another() -> None:
    """Each line says for itself what decoding it alone says, whatever came before it."""
    tricky = [
        line(scheduled(1)),
        line(scheduled(2, {"payload": '"logRecords":[{}]}]}]}'})),
        line(scheduled(3), stream="aa" * 16),
        line(scheduled(4)).replace(b'"shop"', b'"till"'),
        line(scheduled(5)).replace(b'"scopeLogs"', b'"x":{"logRecords":[]},"scopeLogs"'),
        line(scheduled(6)).replace(b'"scopeLogs"', b'"x":{"logRecords":[]},"scopeLogs"'),
        line(scheduled(7)),
    ]
    together = decode_spool_lines(tricky, RECEIVED_AT)
    alone = [decode_logs(each, "json", RECEIVED_AT).batches[0] for each in tricky]
    expected = {(batch.source, fact.sequence) for batch in alone for fact in batch.facts}
    found = {(batch.source, fact.sequence) for batch in together.batches for fact in batch.facts}
    assert found == expected
    assert len(found) == 7
