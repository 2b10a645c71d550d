"""``apigateway.*`` on the local gateway. Ids as the Terraform provider's [S]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.provider import Created
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from localcloud.apigateway.definitions import Definitions


class Group(Handler):
    """``apigateway.Group``: the id is the group's."""

    identity = ("name",)

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        return self._definitions.find("group", str(inputs.get("name")))

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        group_id = self._definitions.put_group(inputs, id_)
        outputs = {**inputs, "subDomain": self._definitions.sub_domain(group_id), "vpcDomain": ""}
        return Created(group_id, outputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        self._definitions.remove_group(id_)


class Api(Handler):
    """``apigateway.Api``: the id is ``group:api``; published in its ``stageNames``."""

    identity = ("groupId", "name")

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    async def find(self, inputs: Inputs) -> str | None:
        """By group and name."""
        group = str(inputs.get("groupId"))
        api_id = self._definitions.find_api(group, str(inputs.get("name")))
        return f"{group}:{api_id}" if api_id else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change; every change publishes, as the provider does."""
        known = id_.partition(":")[2] if id_ else None
        stages = tuple(inputs.get("stageNames") or ())
        api_id = self._definitions.put_api(inputs, known, stages=stages)
        return Created(f"{inputs['groupId']}:{api_id}", {**inputs, "apiId": api_id})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        self._definitions.remove_api(id_.partition(":")[2])


class App(Handler):
    """``apigateway.App``: the id is the app's. Key and secret are not among the outputs."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        return self._definitions.find("app", str(inputs.get("name")))

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or rename."""
        return Created(self._definitions.put_app(inputs, id_).id, inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        self._definitions.remove_app(id_)


class Plugin(Handler):
    """``apigateway.Plugin``: the id is the plugin's."""

    identity = ("pluginName",)

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        return self._definitions.find("plugin", str(inputs.get("pluginName")))

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        return Created(self._definitions.put_plugin(inputs, id_), inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        self._definitions.remove_plugin(id_)


class Attachment(Handler):
    """An app or a plugin attached to an API, or a plugin to a group.

    Args:
        definitions: of the gateway.
        ends: kind of each end by the input that names it.
    """

    def __init__(self, definitions: Definitions, ends: dict[str, str]) -> None:
        self._definitions = definitions
        self._ends = ends

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Attach."""
        ends = {kind: str(required(inputs, name)) for name, kind in self._ends.items()}
        made = self._definitions.attach(str(required(inputs, "stageName")), **ends)
        return Created(id_ or made, inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Detach."""
        del outputs
        self._definitions.detach(id_)


def gateway_handlers(definitions: Definitions) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:apigateway/group:Group": Group(definitions),
        "alicloud:apigateway/api:Api": Api(definitions),
        "alicloud:apigateway/app:App": App(definitions),
        "alicloud:apigateway/plugin:Plugin": Plugin(definitions),
        "alicloud:apigateway/appAttachment:AppAttachment": Attachment(
            definitions, {"appId": "app", "apiId": "api"}
        ),
        "alicloud:apigateway/pluginAttachment:PluginAttachment": Attachment(
            definitions, {"pluginId": "plugin", "apiId": "api"}
        ),
        "alicloud:apigateway/groupPluginAttachment:GroupPluginAttachment": Attachment(
            definitions, {"pluginId": "plugin", "groupId": "group"}
        ),
    }
