"""``eventbridge.*`` on the local EventBridge. Ids and outputs as the Terraform provider's [S]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.provider import Created
from localcloud.provider.handler import Handler, Inputs, required
from localcloud.provider.inventory import Recorded

if TYPE_CHECKING:
    from localcloud.documents import Documents
    from localcloud.eventbridge import EventBridge


class EventBus(Handler):
    """``eventbridge.EventBus``: the id is its name."""

    identity = ("eventBusName",)

    def __init__(self, eventbridge: EventBridge) -> None:
        self._eventbridge = eventbridge

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        name = id_ or str(required(inputs, "eventBusName"))
        self._eventbridge.put_bus(name, str(inputs.get("description") or ""))
        return Created(name, inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its rules."""
        del outputs
        self._eventbridge.delete_bus(id_)


class Rule(Handler):
    """``eventbridge.Rule``: the id is ``bus:rule``."""

    identity = ("eventBusName", "ruleName")

    def __init__(self, eventbridge: EventBridge) -> None:
        self._eventbridge = eventbridge

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        bus, name = str(required(inputs, "eventBusName")), str(required(inputs, "ruleName"))
        self._eventbridge.put_rule(
            bus,
            name,
            required(inputs, "filterPattern"),
            required(inputs, "targets"),
            status=str(inputs.get("status") or "ENABLE"),
        )
        return Created(id_ or f"{bus}:{name}", inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        bus, _, name = id_.partition(":")
        self._eventbridge.delete_rule(bus, name)


def event_handlers(eventbridge: EventBridge, documents: Documents) -> dict[str, Handler]:
    """The handlers by type token; a service-linked role is recorded."""
    return {
        "alicloud:eventbridge/eventBus:EventBus": EventBus(eventbridge),
        "alicloud:eventbridge/rule:Rule": Rule(eventbridge),
        "alicloud:eventbridge/serviceLinkedRole:ServiceLinkedRole": Recorded(
            documents,
            "serviceLinkedRole",
            lambda inputs: str(inputs["productName"]),
            identity=("productName",),
        ),
    }
