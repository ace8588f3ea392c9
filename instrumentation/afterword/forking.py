"""Servers that import the application and then fork their workers, with no hook of Python's run.

uWSGI does. A thread of the parent that holds the interpreter's lock at that moment does not exist
in the child, and the lock stays taken: the worker would stand still for ever. So no thread of ours
is started before; what is told while the application is imported is sent there and then.
"""

import sys


def is_ahead() -> bool:
    """Whether this process is uWSGI's, and has yet to become a worker, a mule or a spooler."""
    uwsgi = sys.modules.get("uwsgi")  # there in uWSGI's own processes alone
    if uwsgi is None:
        return False
    try:
        return not (uwsgi.worker_id() or uwsgi.mule_id() or uwsgi.i_am_the_spooler())
    except AttributeError:  # built without them, or another module of that name
        return False
