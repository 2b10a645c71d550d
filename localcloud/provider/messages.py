"""``message.ServiceQueue`` and ``log.*``: queues and logstores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.provider import Created
from localcloud.core.errors import CloudError
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from localcloud.mns import Queues
    from localcloud.sls import LogService

_VISIBILITY_SECONDS = 30
_RETENTION_SECONDS = 4 * 86400


class ServiceQueue(Handler):
    """``message.ServiceQueue``: the id is the queue's name."""

    identity = ("queueName",)

    def __init__(self, mns: Queues) -> None:
        self._mns = mns

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        name = inputs.get("queueName")
        return name if name in self._mns.names() else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        name = id_ or str(required(inputs, "queueName"))
        self._mns.put_queue(
            name,
            visibility_timeout=inputs.get("visibilityTimeout", _VISIBILITY_SECONDS),
            retention=inputs.get("messageRetentionPeriod", _RETENTION_SECONDS),
        )
        return Created(name, inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its messages."""
        del outputs
        self._mns.delete_queue(id_)


class LogProject(Handler):
    """``log.Project``: the id is its name."""

    identity = ("projectName",)

    def __init__(self, sls: LogService) -> None:
        self._sls = sls

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        name = inputs.get("projectName")
        return name if name in self._sls.projects() else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        name = id_ or str(required(inputs, "projectName"))
        self._sls.put_project(name, str(inputs.get("description") or ""))
        return Created(name, {**inputs, "status": "Normal"})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its logstores."""
        del outputs
        self._sls.delete_project(id_)


class LogStore(Handler):
    """``log.Store``: the id is ``project:logstore``."""

    identity = ("projectName", "logstoreName")

    def __init__(self, sls: LogService) -> None:
        self._sls = sls

    async def find(self, inputs: Inputs) -> str | None:
        """By project and name."""
        project, name = str(inputs.get("projectName")), str(inputs.get("logstoreName"))
        return f"{project}:{name}" if name in self._sls.logstores(project) else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        project = str(required(inputs, "projectName"))
        name = str(required(inputs, "logstoreName"))
        self._sls.put_logstore(project, name, int(inputs.get("retentionPeriod", 30)))
        return Created(id_ or f"{project}:{name}", inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its lines."""
        del outputs
        project, _, name = id_.partition(":")
        self._sls.delete_logstore(project, name)


class LogStoreIndex(Handler):
    """``log.StoreIndex``: recorded; the local logstore is searched without an index."""

    identity = ("project", "logstore")
    recorded = True

    def __init__(self, sls: LogService) -> None:
        self._sls = sls

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Check that the logstore exists."""
        project, name = str(required(inputs, "project")), str(required(inputs, "logstore"))
        if name not in self._sls.logstores(project):
            raise CloudError(404, "LogStoreNotExist", f"logstore {project}/{name} does not exist")
        return Created(id_ or f"{project}:{name}", inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Nothing is kept."""


def message_handlers(mns: Queues, sls: LogService) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:message/serviceQueue:ServiceQueue": ServiceQueue(mns),
        "alicloud:log/project:Project": LogProject(sls),
        "alicloud:log/store:Store": LogStore(sls),
        "alicloud:log/storeIndex:StoreIndex": LogStoreIndex(sls),
    }
