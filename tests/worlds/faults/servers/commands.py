"""How each server is started: its command line, with ``{fd}`` for the socket it is to listen on.

gunicorn, hypercorn and uWSGI have two workers, or one where a row needs to know which.
"""

import sys
from pathlib import Path
from typing import Final

_PYTHON: Final = sys.executable
_BIN: Final = Path(_PYTHON).parent
_ASGI: Final = "worlds.faults.apps.web:app"
_WSGI: Final = "worlds.faults.apps.web_wsgi:app"
_ON_SOCKET: Final = ("-b", "fd://{fd}")
_GUNICORN: Final = (_PYTHON, "-m", "gunicorn", *_ON_SOCKET, "--no-control-socket")

UVICORN: Final = (_PYTHON, "-m", "uvicorn", _ASGI, "--fd", "{fd}", "--no-access-log")
UVICORN_WORKERS: Final = (*UVICORN, "--workers", "2")
_GUNICORN_ASGI: Final = (*_GUNICORN, _ASGI, "-k", "uvicorn_worker.UvicornWorker")
GUNICORN: Final = (*_GUNICORN_ASGI, "-w", "2")
GUNICORN_ALONE: Final = (*_GUNICORN_ASGI, "-w", "1")
GUNICORN_SYNC: Final = (*_GUNICORN, _WSGI, "-w", "2")
GUNICORN_SYNC_ALONE: Final = (*_GUNICORN, _WSGI, "-w", "1")
_HYPERCORN: Final = (_PYTHON, "-m", "hypercorn", _ASGI, *_ON_SOCKET)
HYPERCORN_ALONE: Final = (*_HYPERCORN, "-w", "1")
HYPERCORN: Final = (*_HYPERCORN, "-w", "2")
_UWSGI: Final = (
    *(str(_BIN / "uwsgi"), "--http-socket", "127.0.0.1:0", "--module", _WSGI),
    *("--virtualenv", str(_BIN.parent), "--need-app", "--enable-threads", "--die-on-term"),
    "--master",
)
# It takes no socket of ours, and says which port it has taken. It imports the application, then
# forks.
UWSGI: Final = (*_UWSGI, "--processes", "2")
UWSGI_ALONE: Final = (*_UWSGI, "--processes", "1")
