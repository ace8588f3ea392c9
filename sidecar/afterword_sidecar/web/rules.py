"""The outcome table's rows and the kinds of evidence, in words for people. Data only."""

from typing import Final

from afterword import names

RULES_IN_WORDS: Final = {
    1: "The awaitable returned.",
    2: "Its own time-out expired and cancelled it, or a TimeoutError escaped from it.",
    3: "It raised.",
    4: "It was cancelled while its process was not stopping, or because the client went away.",
    5: "It was handed over where nothing could run it, or the platform refused it.",
    6: "A sibling or the handler failed and the framework passed over it.",
    7: "It was garbage-collected before it ended.",
    8: "A foreign span ended without a status; its service has not said that this is success.",
    9: "It was not heard to end, and its telemetry has a gap in which the end may have been.",
    10: "Its invocation ended, and it had never begun.",
    11: "Its process was stopping.",
    12: "It was not heard to end by the platform's deadline, or its process died about then.",
    13: "Its process is gone, and it had not ended.",
    14: "It has no deadline; neither it nor its process was heard of for the longest life allowed.",
}
"""By the row's number."""

EVIDENCE_IN_WORDS: Final = {
    names.EVENT_SCHEDULED: "it was handed over",
    names.EVENT_STARTED: "it took its first step",
    names.EVENT_SETTLED: "it said how it ended",
    names.EVENT_PENDING: "it was still running and about to be cut off",
    names.EVENT_INVOCATION: "its invocation was over",
    names.EVENT_INSTANCE: "its process said what it was about to do",
    names.EVENT_ROLLUP: "its process summed up many tasks like it",
    "span": "its span ended",
    "stream_ended": "its process no longer held its lock, and all it wrote had been read",
    "lease_lapsed": "its process had promised a beat that did not come",
    "spool_gone": "its lock and all it had written were gone",
    "silence": "nothing more was heard of it",
    "deadline": "its deadline and the grace were over",
}
"""By the kind of evidence; completes \"at that moment …\"."""
