"""Destinations of asynchronous invocations: an event bus, a queue, another function."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from localcloud.core.errors import CloudError
from localcloud.fc import limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.fc.async_store import AsyncRequest
    from localcloud.fc.model import Outcome
    from localcloud.mns import Queues
    from localcloud.ram import Ram

log = logging.getLogger(__name__)


class Buses(Protocol):
    """What destinations need of EventBridge."""

    async def publish(self, bus: str, events: list[dict[str, Any]]) -> list[str]:
        """Publish CloudEvents and return their ids."""
        ...


class DestinationSender:
    """Delivers outcomes with the function's own role.

    Args:
        config: account and region.
        clock: the cloud's.
        ram: decides whether the role may.
        eventbridge: buses.
        mns: queues.
        role_of: role ARN of a function, or "".
        enqueue: invokes another function asynchronously with a payload.
        tell: writes a line to a function's log.
    """

    def __init__(
        self,
        config: CloudConfig,
        clock: Clock,
        ram: Ram,
        *,
        eventbridge: Buses,
        mns: Queues,
        role_of: Callable[[str], str],
        enqueue: Callable[[str, bytes], None],
        tell: Callable[[str, str], None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._ram = ram
        self._eventbridge = eventbridge
        self._mns = mns
        self._role_of = role_of
        self._enqueue = enqueue
        self._tell = tell

    async def deliver(
        self, arn: str, request: AsyncRequest, outcome: Outcome, condition: str
    ) -> None:
        """Send an outcome; what cannot be sent is lost, and both logs say so."""
        try:
            await self._send(arn, request, self._envelope(request, outcome, condition))
        except CloudError as error:
            message = (
                f"the outcome of request {request.request_id} is lost: destination {arn}: "
                f"{error.message}"
            )
            log.error("%s: %s", request.function, message)  # noqa: TRY400  (no traceback: it says all)
            self._tell(request.function, message)

    async def _send(self, arn: str, request: AsyncRequest, envelope: dict[str, Any]) -> None:
        service, name = self._parse(arn)
        body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
        limit = limits.DESTINATION_BYTES[service]
        if len(body) > limit:
            raise CloudError(400, "EntityTooLarge", f"{len(body)} bytes, at most {limit}")
        match service:
            case "eventbridge":
                self._authorise(request.function, "eventbridge:PutEvents", arn)
                await self._eventbridge.publish(name, [self._event(request, envelope)])
            case "mns":
                self._authorise(request.function, "mns:SendMessage", arn)
                self._mns.send(name, body)
            case _:
                self._authorise(request.function, "fc:InvokeFunction", arn)
                self._enqueue(name, body)

    def _parse(self, arn: str) -> tuple[str, str]:
        """Service and name in an ARN of this account and region."""
        prefix = f":{self._config.region}:{self._config.account_id}:"
        for service, path in (("eventbridge", "eventbus/"), ("fc", "functions/")):
            start = f"acs:{service}{prefix}{path}"
            if arn.startswith(start) and len(arn) > len(start):
                return service, arn[len(start) :]
        if arn.startswith("acs:mns:") and arn.endswith("/messages"):
            return "mns", self._mns.queue_of(arn)
        raise CloudError(
            400, "InvalidArgument", "it names no bus, function or queue of this account and region"
        )

    def _authorise(self, function: str, action: str, resource: str) -> None:
        role = self._role_of(function)
        if not role:
            raise CloudError(403, "AccessDenied", f"function '{function}' has no role")
        credentials = self._ram.credentials_for(role)
        principal = self._ram.principal(credentials.access_key_id, credentials.security_token)
        self._ram.authorise(principal, action, resource)

    def _envelope(self, request: AsyncRequest, outcome: Outcome, condition: str) -> dict[str, Any]:
        """What every destination gets (help page "Result callback").

        The values of ``condition`` are not documented.
        """
        return {
            "timestamp": int(self._clock.now() * 1000),
            "requestContext": {
                "requestId": request.request_id,
                "functionArn": self._arn(request.function),
                "condition": condition,
                "approximateInvokeCount": request.runs + 1,
            },
            "requestPayload": request.payload.decode(errors="replace"),
            "responseContext": {"statusCode": 200, "functionError": outcome.error or ""},
            "responsePayload": outcome.payload.decode(errors="replace"),
        }

    def _event(self, request: AsyncRequest, envelope: dict[str, Any]) -> dict[str, Any]:
        """The CloudEvent around it; ``source`` and ``type`` are not documented."""
        failed = bool(envelope["responseContext"]["functionError"])
        return {
            "specversion": "1.0",
            "id": request.request_id,
            "source": "acs.fc",
            "type": f"fc:AsyncInvocation:{'Failed' if failed else 'Succeeded'}",
            "subject": self._arn(request.function),
            "time": datetime.fromtimestamp(self._clock.now(), UTC)
            .isoformat()
            .replace("+00:00", "Z"),
            "datacontenttype": "application/json;charset=utf-8",
            "data": envelope,
        }

    def _arn(self, function: str) -> str:
        return f"acs:fc:{self._config.region}:{self._config.account_id}:functions/{function}"
