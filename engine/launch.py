# ruff: noqa: PTH100  (paths must not be resolved: the SDK compares them as they are)
"""Runs a Pulumi program in its own interpreter, as the CLI's ``pulumi-language-python-exec`` does.

The engine starts this file by its path, through ``tether.py``: the interpreter of the program need
not have the engine. Its argument is one JSON object with ``monitor``, ``engine``, ``project``,
``stack``, ``organization``, ``root_directory``, ``parallel`` and ``dry_run``.

Exit codes: 0, 1 (the program stopped itself; the reason is logged or printed) or 32 (an unhandled
exception, whose traceback is logged).
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_SHOWN = 32
_GARBAGE_THRESHOLD = 50_000
"""A provider's SDK is tens of thousands of objects that all stay; looking through them again and
again, as the default of 700 does, takes a fifth of the time of a preview."""


def main() -> int:
    """Run the program in the current directory and return the exit code."""
    gc.set_threshold(_GARBAGE_THRESHOLD)
    try:
        import pulumi
        import pulumi.runtime
    except ImportError as error:
        print(f"the Pulumi SDK is not installed for {sys.executable}: {error}", file=sys.stderr)
        return 1

    settings: dict[str, Any] = json.loads(sys.argv[1])
    settings["engine"] = _QuietEngine(settings["engine"])
    runtime = pulumi.runtime
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    runtime.configure(runtime.Settings(**settings))
    sys.argv = ["."]
    # Unawaited futures are normal when a program stops halfway, and no news for its author.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(settings["parallel"], 1) * 4)
    loop.set_default_executor(executor)
    try:
        program = runtime.run_in_stack(_run)
        loop.run_until_complete(program)
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:  # noqa: BLE001
        pulumi.log.error("Program failed with an unhandled exception:\n" + _user_traceback())
        return _SHOWN
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


class _QuietEngine:
    """The ``Engine`` service without debug messages, which nobody reads.

    The SDK sends several for every resource and waits for each: a fifth of the time of a preview.
    """

    def __init__(self, address: str) -> None:
        import grpc
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

        self._stub: Any = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))
        self._debug = engine_pb2.DEBUG

    def Log(self, request: Any) -> Any:  # noqa: N802  (the name in the protocol)
        return None if request.severity == self._debug else self._stub.Log(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)


def _run() -> None:
    runpy.run_path(".", run_name="__main__")


def _user_traceback() -> str:
    """Format the current exception from the frame of the user's program on.

    What is raised after the program's last line has no frame of it; then only the frames that
    brought us there are left out.
    """
    program = os.path.abspath("__main__.py")
    files = [frame.filename for frame in traceback.extract_tb(sys.exc_info()[2])]
    paths = [file if file.startswith("<") else os.path.abspath(file) for file in files]
    if program in paths:
        first = paths.index(program)
    else:
        ours = (os.path.abspath(__file__), "<frozen runpy>", runpy.__file__)
        first = max((i + 1 for i, path in enumerate(paths) if path in ours), default=0)
    return traceback.format_exc(limit=first - len(paths))


if __name__ == "__main__":
    sys.exit(main())
