"""The wire contract between instrumentation and sidecar: names, and nothing but names.

Both sides import this module; it imports nothing but ``typing``. What the names mean stands in
``docs/semantics.md``. A name that goes over the wire is written here and nowhere else.
"""

from typing import Final

SCOPE_NAME: Final = "afterword"

# Events: the ``event_name`` of an OTLP log record.
EVENT_SCHEDULED: Final = "deferred_task.scheduled"
EVENT_STARTED: Final = "deferred_task.started"
EVENT_SETTLED: Final = "deferred_task.settled"
EVENT_PENDING: Final = "deferred_task.pending"
EVENT_INVOCATION: Final = "deferred_task.invocation"
EVENT_INSTANCE: Final = "deferred_task.instance"
EVENT_ROLLUP: Final = "deferred_task.rollup"
# Told by the sidecar, upstream only; never evidence.
EVENT_VERDICT: Final = "deferred_task.verdict"

# Attribute of the instrumentation scope: the reporting process, 16 bytes as hex.
STREAM: Final = "deferred_task.stream"

# Attributes of records. Durations are seconds, times are Unix seconds, both doubles.
SEQUENCE: Final = "deferred_task.sequence"
OPENING_SEQUENCE: Final = "deferred_task.opening_sequence"
NAME: Final = "deferred_task.name"
PLATFORM: Final = "deferred_task.platform"
ORIGIN: Final = "deferred_task.origin"
DEADLINE: Final = "deferred_task.deadline"
GUARD_LEAD: Final = "deferred_task.guard_lead"
PARENT_SPAN_ID: Final = "deferred_task.parent_span_id"
LINKS: Final = "deferred_task.links"  # "traceid-spanid traceid-spanid", hex
DEAD_LETTER: Final = "deferred_task.dead_letter"
PAYLOAD: Final = "deferred_task.payload"  # a JSON document, as a string
PAYLOAD_OMITTED: Final = "deferred_task.payload_omitted"  # why there is none, one sentence
START_DELAY: Final = "deferred_task.start_delay"
SCHEDULED_TIME: Final = "deferred_task.scheduled_time"
OUTCOME: Final = "deferred_task.outcome"
REASON: Final = "deferred_task.reason"
DURATION: Final = "deferred_task.duration"
AWAITING: Final = "deferred_task.awaiting"
# Of a span: false where durable work began although its opening was not known to be safe.
DURABLE: Final = "deferred_task.durable"
# A settled record that stands for its opening too (they left in one batch): the opening's
# attributes ride along, and the opening's number will never come by itself.
FOLDED: Final = "deferred_task.folded"
STARTED_SEQUENCE: Final = "deferred_task.started_sequence"
# Of an invocation record: how many tasks were scheduled and how many started in it.
INVOCATION_SCHEDULED: Final = "deferred_task.invocation.scheduled"
INVOCATION_STARTED: Final = "deferred_task.invocation.started"
# Of an instance record.
STATE: Final = "deferred_task.state"
SCHEDULED_TOTAL: Final = "deferred_task.scheduled_total"
SETTLED_TOTAL: Final = "deferred_task.settled_total"
LEASE_SECONDS: Final = "deferred_task.lease_seconds"
# Of a rollup record.
COUNT: Final = "deferred_task.count"
RANGES: Final = "deferred_task.ranges"  # "5-9 12-12", the sequence numbers it stands for
# Of a verdict and of the span that never came, both told by the sidecar.
TASK_ID: Final = "deferred_task.id"  # "stream-sequence", as the API and the terminal call it
BASIS: Final = "deferred_task.basis"
RULE: Final = "deferred_task.rule"  # the row of the outcome table, 1 to 14
FINAL: Final = "deferred_task.final"
REVISION: Final = "deferred_task.revision"  # how many verdicts on this task came before
EVIDENCE: Final = "deferred_task.evidence"  # what it rests on: an array of kind, sequence, time
CLOCK: Final = "deferred_task.clock"  # what was allowed for: offset, grace, due
HISTORY: Final = "deferred_task.history"  # the verdicts before it
STARTED_TIME: Final = "deferred_task.started_time"
ENDED_TIME: Final = "deferred_task.ended_time"
PENDING_TIME: Final = "deferred_task.pending_time"
PENDING_REASON: Final = "deferred_task.pending_reason"
PAYLOAD_KEPT: Final = "deferred_task.payload_kept"  # whether there is one; never the payload
REPORTED_BY: Final = "deferred_task.reported_by"  # "sidecar"
TRACE_SAMPLED: Final = "deferred_task.trace_sampled"  # false: the rest of the trace was not kept

# OpenTelemetry's own attribute names that evidence carries.
EVENT_NAME: Final = "event.name"  # older senders; newer ones use the record's field
CODE_FUNCTION: Final = "code.function.name"
HTTP_ROUTE: Final = "http.route"
INVOCATION_ID: Final = "faas.invocation_id"
ERROR_TYPE: Final = "error.type"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
LOG_RECORD_UID: Final = "log.record.uid"
SERVICE_NAME: Final = "service.name"
SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_INSTANCE_ID: Final = "service.instance.id"

# Outcomes: every task that was opened is closed with exactly one of them.
COMPLETED: Final = "completed"
FAILED: Final = "failed"
TIMED_OUT: Final = "timed_out"
CANCELLED: Final = "cancelled"
DROPPED: Final = "dropped"
UNKNOWN: Final = "unknown"
OUTCOMES: Final = (COMPLETED, FAILED, TIMED_OUT, CANCELLED, DROPPED, UNKNOWN)

# Reasons, by outcome. The list is closed: a foreign reason is booked as ``other``.
REASONS: Final = {
    COMPLETED: ("completed",),
    FAILED: ("exception",),
    TIMED_OUT: ("timeout", "raised", "platform_deadline"),
    CANCELLED: ("cancelled", "disconnected"),
    DROPPED: (
        "no_context",
        "refused",
        "skipped",
        "abandoned",
        "never_started",
        "shutdown",
        "instance_lost",
        "expired",
    ),
    UNKNOWN: ("span_unset", "evidence_lost"),
}
OTHER_NAME: Final = "_other"
"""What tasks are counted under beyond a bound on names."""
OTHER_REASON: Final = "other"

# How sure a verdict is.
OBSERVED: Final = "observed"
PROVEN: Final = "proven"
INFERRED: Final = "inferred"
BASES: Final = (OBSERVED, PROVEN, INFERRED)

PLATFORM_ASYNCIO: Final = "asyncio"

ORIGIN_APP: Final = "app"
ORIGIN_REPLAY: Final = "replay"

PENDING_DEADLINE_NEAR: Final = "deadline_near"
PENDING_SHUTDOWN: Final = "shutdown"

INSTANCE_UP: Final = "up"
INSTANCE_BEAT: Final = "beat"
INSTANCE_DOWN: Final = "down"

# Counters of the application, through OpenTelemetry's metrics API.
METRIC_SCHEDULED: Final = "deferred_task.scheduled"
METRIC_SETTLED: Final = "deferred_task.settled"
METRIC_IN_FLIGHT: Final = "deferred_task.in_flight"

# HTTP: the header that names the book a sidecar keeps; clients echo it.
BOOK_HEADER: Final = "Afterword-Book"
# HTTP: the book whose sidecar passed this on, so that it does not go round in circles.
FORWARDED_HEADER: Final = "Afterword-Forwarded-By"

# Files in a spool directory. A segment is OTLP/JSON lines; numbers begin at 1.
SPOOL_LOCK_SUFFIX: Final = ".lock"  # "{stream}.lock"
SPOOL_SEGMENT_SUFFIX: Final = ".jsonl"  # "{stream}.{number:08d}.jsonl"
SPOOL_SIDECAR_LOCK: Final = "sidecar.lock"
SPOOL_TOLD_BY_TIME_BEFORE: Final = 1_000_000_000  # Unix seconds; see delivery/losses.py
# File systems as mountinfo names them, where a lock may be another host's business, or nobody's.
# Local FUSE is fine: the kernel keeps its locks itself.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "ceph", "lustre"),
        *("glusterfs", "beegfs", "orangefs", "pvfs2", "gpfs", "panfs", "wekafs", "gfs2", "ocfs2"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.cephfs", "fuse.s3fs", "fuse.rclone"),
        *("fuse.gcsfuse", "fuse.goofys", "fuse.juicefs", "fuse.mount-s3", "fuse.blobfuse2"),
    }
)
