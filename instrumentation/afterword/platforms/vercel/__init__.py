"""Vercel: ``wait_until`` of the ``vercel`` package, watched without a change to the application.

What the production runtime does with handed-over work decides how this is built
(``docs/platforms/vercel.md``). Nothing begins before the response is out and the handler is done;
then all of it runs, in batches, and the process is frozen the moment the last batch is over.
``swap`` puts our code into the SDK's function, ``handing_over`` is that code, ``invocations`` knows
which tasks belong together, ``drain`` sends their evidence before the freeze, and ``sdk`` is all
that we know and use of Vercel's own.
"""

from afterword.platforms.vercel import handing_over, preparing, swap
from afterword.platforms.vercel.sdk import Sdk


def instrument() -> None:
    """Watch ``vercel.functions.wait_until``, wherever it was imported.

    Raises:
        ImportError: The ``vercel`` package is not there, or cannot be imported.
        PlatformError: Its function is not as we know it.
    """
    handing_over.use(Sdk.found())
    swap.put_in()
    preparing.prepare()


def uninstrument() -> None:
    """The SDK's function has its own code again. Tasks in flight are watched to their end."""
    swap.take_out()
