"""The sidecar as it is, but that it waits seconds where it waits half a minute for its clients.

After a start nothing is inferred from silence for as long as a client may pause (35 s), and what
was told as pending at a stop is waited for (60 s). Neither can be set, and a row should take
seconds. Its clock is the one that a row gives it.
"""

from worlds.faults import clock

clock.install()

from functools import partial  # noqa: E402 - the clock comes first

from afterword_sidecar.__main__ import main  # noqa: E402 - the same
from afterword_sidecar.cli import running  # noqa: E402 - the same
from afterword_sidecar.ledger.limits import Limits  # noqa: E402 - the same
from worlds.faults.fault import PATIENCE_SECONDS  # noqa: E402 - the same

if __name__ == "__main__":
    limits = partial(
        Limits,
        client_backoff_seconds=PATIENCE_SECONDS,
        shutdown_patience_seconds=PATIENCE_SECONDS,
    )
    vars(running)["Limits"] = limits  # the one place where they are made
    main()
