"""The command ``afterword``."""

import click

from afterword_sidecar import __version__
from afterword_sidecar.cli.audit import audit
from afterword_sidecar.cli.reading import dead_letters, tasks
from afterword_sidecar.cli.sidecar import sidecar
from afterword_sidecar.cli.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="afterword")
def afterword() -> None:
    """Deferred work, watched from the moment it is handed over."""


afterword.add_command(sidecar)
afterword.add_command(audit)
afterword.add_command(tasks)
afterword.add_command(dead_letters)
afterword.add_command(verify)
