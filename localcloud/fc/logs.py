"""Output of an instance becomes log lines of its function."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import deque
from typing import TYPE_CHECKING

from localcloud.core.errors import CloudError
from localcloud.sls import LogLine

if TYPE_CHECKING:
    from localcloud.core.clock import Clock
    from localcloud.fc.model import Spec
    from localcloud.sls import LogService

log = logging.getLogger(__name__)

_MARK = re.compile(r"FC Invoke (Start|End) RequestId: (\S+)")
_FLUSH_SECONDS = 0.05
_TAIL_BYTES = 4 * 1024  # What `x-fc-log-type: Tail` returns at most.
_LAST_LINES = 20
_MARK_SECONDS = 1.0


class InstanceLog:
    """The log of one instance.

    A built-in runtime marks where a request's output begins and ends, so every line between has its
    id. A container writes what it likes: its lines get an id while one request runs, else none.

    Args:
        sls: the log service.
        clock: the cloud's.
        spec: the function; without a log configuration only the last lines are kept, in memory.
        instance_id: a field of every line.
    """

    def __init__(self, sls: LogService, clock: Clock, spec: Spec, instance_id: str) -> None:
        self._sls = sls
        self._clock = clock
        self._spec = spec
        self._fields = {"functionName": spec.name, "instanceID": instance_id, "qualifier": "LATEST"}
        self._waiting: list[LogLine] = []
        self._timer: asyncio.TimerHandle | None = None
        self._open: dict[str, asyncio.Event] = {}
        self._tails: dict[str, deque[str]] = {}
        self._marked = ""
        self.last = deque[str](maxlen=_LAST_LINES)

    def begin(self, request_id: str) -> None:
        """A request starts on the instance."""
        self._open[request_id] = asyncio.Event()
        self._tails[request_id] = deque(maxlen=_TAIL_BYTES // 8)

    async def finish(self, request_id: str, *, marked: bool) -> bytes:
        """A request ended: wait for the end of its output, and return the last 4 KB of it.

        Args:
            request_id: given to `begin`.
            marked: the runtime writes marks, and lived to write the last one.
        """
        if marked:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._open[request_id].wait(), _MARK_SECONDS)
        del self._open[request_id]
        self.flush()
        return "".join(f"{line}\n" for line in self._tails.pop(request_id)).encode()[-_TAIL_BYTES:]

    def line(self, text: str) -> None:
        """Take a line of output."""
        mark = _MARK.fullmatch(text)
        if mark and mark[1] == "Start":
            self._marked = mark[2]
        request_id = self._marked or (next(iter(self._open)) if len(self._open) == 1 else "")
        self.write(text, request_id)
        if mark and mark[1] == "End":
            self._marked = ""
            if mark[2] in self._open:
                self._open[mark[2]].set()

    def write(self, text: str, request_id: str = "") -> None:
        """Write a line, of the function or about it."""
        self.last.append(text)
        if request_id in self._tails:
            self._tails[request_id].append(text)
        fields = {**self._fields, "requestId": request_id}
        self._waiting.append(LogLine(self._clock.now(), text, fields))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand waiting lines to the log service."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._waiting = self._waiting, []
        if not lines:
            return
        if self._spec.log is None:
            for line in lines:
                log.debug("%s: %s", self._spec.name, line.message)
            return
        try:
            self._sls.append(*self._spec.log, lines)
        except CloudError as error:
            log.warning(
                "%d log lines of %s are lost: %s", len(lines), self._spec.name, error.message
            )
