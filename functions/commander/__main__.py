"""The container's entry point: `python -m functions.commander`."""

from __future__ import annotations

import os
import sys

from functions.commander.instance import make_instance
from functions.commander.invocation import Commander
from functions.commander.server import serve
from functions.commander.settings import read_settings, scratch_environment


def main() -> int:
    """Serve until the process is ended; 2 if the environment cannot be used."""
    try:
        settings = read_settings(os.environ)
        instance = make_instance(settings)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for name, value in scratch_environment().items():
        os.environ.setdefault(name, value)
    server = serve(Commander(instance), settings.listen_host, settings.fc_custom_listen_port)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
