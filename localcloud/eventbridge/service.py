"""EventBridge: publishing, by domain call and by signed HTTP request."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from localcloud.core.errors import CloudError, NotSupported
from localcloud.documents import Documents
from localcloud.eventbridge.delivery import Delivery
from localcloud.eventbridge.rules import DEFAULT_BUS, Rules
from localcloud.eventbridge.signature import verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.eventbridge.delivery import FunctionInvoker
    from localcloud.mns import Queues
    from localcloud.ram import Principal, Ram

OPERATIONS = {
    "PutEvents": "POST /openapi/putEvents, for the official SDK and for ACS3 signatures",
    "CreateEventBus, DeleteEventBus": "domain calls",
    "CreateRule, UpdateRule, DeleteRule": "domain calls; targets acs.fc.function and acs.mns.queue",
}
LARGEST_EVENT = 64 * 1024
_LARGEST_BODY = 1024 * 1024
_MOST_EVENTS = 16  # Unverified.
_REQUIRED = ("id", "source", "type", "specversion")


class EventBridge:
    """Buses of one account and region.

    Args:
        config: account, region, state directory.
        clock: the cloud's.
        ram: knows keys and rights.
        mns: queues, as targets and for dead letters.
    """

    name = "eventbridge"

    def __init__(self, config: CloudConfig, clock: Clock, ram: Ram, mns: Queues) -> None:
        self._config = config
        self._clock = clock
        self._ram = ram
        self._documents = Documents(config.state_dir / "eventbridge" / "rules.sqlite")
        self.rules = Rules(self._documents)
        self._delivery = Delivery(
            config.state_dir / "eventbridge" / "events.sqlite", clock, self.rules, mns
        )

    def connect(self, functions: FunctionInvoker) -> None:
        """Say who invokes functions; the two services know each other."""
        self._delivery.functions = functions

    async def start(self) -> None:
        """Begin to deliver."""
        self._delivery.start()

    async def stop(self) -> None:
        """Stop; undelivered events stay on disk."""
        await self._delivery.stop()
        self._documents.close()

    def put_bus(self, name: str, description: str = "") -> None:
        """See `Rules.put_bus`."""
        self.rules.put_bus(name, description)

    def delete_bus(self, name: str) -> None:
        """See `Rules.delete_bus`."""
        self.rules.delete_bus(name)

    def put_rule(
        self,
        bus: str,
        name: str,
        pattern: str | Mapping[str, Any],
        targets: Sequence[Mapping[str, Any]],
        *,
        status: str = "ENABLE",
    ) -> None:
        """See `Rules.put_rule`."""
        self.rules.put_rule(bus, name, pattern, targets, status=status)

    def delete_rule(self, bus: str, name: str) -> None:
        """See `Rules.delete_rule`."""
        self.rules.delete_rule(bus, name)

    def arn(self, bus: str) -> str:
        """A bus's resource name."""
        return f"acs:eventbridge:{self._config.region}:{self._config.account_id}:eventbus/{bus}"

    def undelivered(self) -> int:
        """Deliveries that are not done yet."""
        return self._delivery.waiting()

    async def publish(self, bus: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Publish CloudEvents (1.0) and return their ids; on disk when this returns.

        Raises:
            CloudError: 404 for an unknown bus, 400 for an event that is malformed or over 64 KB;
                none of them is published then.
        """
        self.rules.require_bus(bus)
        ready = [self._prepared(bus, event) for event in events]
        self._delivery.add(
            (bus, rule.name, target, event)
            for event in ready
            for rule in self.rules.of(bus)
            if rule.enabled and rule.pattern.matches(event)
            for target in rule.targets
        )
        return [str(event["id"]) for event in ready]

    def recognises(self, request: Request) -> bool:
        """Everything below /openapi/."""
        return request.url.path.startswith("/openapi/")

    async def handle(self, request: Request) -> Response:
        """Answer; errors in the service's form."""
        request_id = str(uuid.uuid4()).upper()
        try:
            return await self._answer(request, request_id)
        except CloudError as error:
            body = {"code": error.code, "message": error.message, "requestId": request_id}
            return JSONResponse(body, error.status)

    async def _answer(self, request: Request, request_id: str) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_BODY:
                raise CloudError(
                    413, "RequestTooLarge", f"a request: at most {_LARGEST_BODY} bytes"
                )
        principal = verify(request, bytes(body), self._ram, self._clock)
        operation = request.url.path.removeprefix("/openapi/")
        if request.method != "POST" or operation != "putEvents":
            raise NotSupported("eventbridge", operation)
        entries = [await self._put(event, principal) for event in _events(bytes(body))]
        failed = sum(1 for entry in entries if "ErrorCode" in entry)
        return JSONResponse(
            {
                "RequestId": request_id,
                "ResourceOwnerAccountId": self._config.account_id,
                "FailedEntryCount": failed,
                "EntryList": entries,
            }
        )

    async def _put(self, event: Any, principal: Principal) -> dict[str, Any]:
        """Publish one event of a batch; another one's fault is not its own."""
        if not isinstance(event, dict):
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": "an event is a JSON object"}
        bus = str(event.get("aliyuneventbusname") or DEFAULT_BUS)
        try:
            self._ram.authorise(principal, "eventbridge:PutEvents", self.arn(bus))
            (id_,) = await self.publish(bus, [event])
        except CloudError as error:
            shown = {"ErrorCode": error.code, "ErrorMessage": error.message}
            return {"EventId": str(event.get("id", "")), **shown}
        return {"EventId": id_}

    def _prepared(self, bus: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Check an event, and add what the platform adds."""
        for field in _REQUIRED:
            if not isinstance(event.get(field), str) or not event[field]:
                raise CloudError(400, "InvalidArgument", f"event: {field} has to be a text")
        size = len(json.dumps(dict(event), ensure_ascii=False).encode())
        if size > LARGEST_EVENT:
            raise CloudError(
                400,
                "EventSizeExceeded",
                f"event {event['id']}: {size} bytes, at most {LARGEST_EVENT}",
            )
        now = datetime.fromtimestamp(self._clock.now(), UTC).isoformat().replace("+00:00", "Z")
        return {
            "time": now,
            **event,
            "aliyunaccountid": self._config.account_id,
            "aliyunregionid": self._config.region,
            "aliyuneventbusname": bus,
            "aliyunpublishtime": now,
        }


def _events(body: bytes) -> list[Any]:
    try:
        events = json.loads(body)
    except ValueError as bad:
        raise CloudError(400, "InvalidArgument", f"the body is no JSON: {bad}") from bad
    if not isinstance(events, list) or not 1 <= len(events) <= _MOST_EVENTS:
        raise CloudError(
            400, "InvalidArgument", f"the body is a list of 1 to {_MOST_EVENTS} events"
        )
    return events
