"""``ots.*`` on the local Tablestore. Ids and outputs as the Terraform provider's [S]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.provider import Created
from localcloud.core.errors import CloudError
from localcloud.provider.handler import Handler, Inputs, required
from localcloud.provider.inventory import Recorded
from localcloud.tablestore.model import Encryption

if TYPE_CHECKING:
    from localcloud.documents import Documents
    from localcloud.tablestore.store import Tablestore

_DEVIATION_SECONDS = 86400


class Instance(Handler):
    """``ots.Instance``: the id is its name. Access control lists are recorded."""

    identity = ("name",)

    def __init__(self, tablestore: Tablestore) -> None:
        self._tablestore = tablestore

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        name = inputs.get("name")
        return name if name in self._tablestore.list_instances() else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create; what can change has no effect here."""
        name = id_ or str(required(inputs, "name"))
        if id_ is None:
            self._tablestore.create_instance(name)
        return Created(name, inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete, unless it has tables."""
        del outputs
        if id_ in self._tablestore.list_instances():
            self._tablestore.delete_instance(id_)


class Table(Handler):
    """``ots.Table``: the id is ``instance:table``."""

    identity = ("instanceName", "tableName")

    def __init__(self, tablestore: Tablestore) -> None:
        self._tablestore = tablestore

    async def find(self, inputs: Inputs) -> str | None:
        """By instance and name."""
        instance, name = str(inputs.get("instanceName")), str(inputs.get("tableName"))
        return f"{instance}:{name}" if name in self._tablestore.list_tables(instance) else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create, or change time to live and versions."""
        instance, name = str(required(inputs, "instanceName")), str(required(inputs, "tableName"))
        ttl, versions = int(required(inputs, "timeToLive")), int(required(inputs, "maxVersion"))
        deviation = int(inputs.get("deviationCellVersionInSec", _DEVIATION_SECONDS))
        update = inputs.get("allowUpdate", True)
        if id_ is None:
            self._tablestore.create_table(
                instance,
                name,
                [_key_column(item) for item in required(inputs, "primaryKeys")],
                ttl,
                versions,
                deviation=deviation,
                allow_update=update,
                defined_columns=[
                    (item["name"], str(item["type"]).upper())
                    for item in inputs.get("definedColumns") or []
                ],
                encryption=_encryption(inputs),
            )
        else:
            self._tablestore.update_table(
                instance,
                name,
                time_to_live=ttl,
                max_versions=versions,
                deviation=deviation,
                allow_update=update,
            )
        return Created(id_ or f"{instance}:{name}", inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its rows."""
        del outputs
        instance, _, name = id_.partition(":")
        if name in self._tablestore.list_tables(instance):
            self._tablestore.delete_table(instance, name)


def table_handlers(tablestore: Tablestore, documents: Documents) -> dict[str, Handler]:
    """The handlers by type token; the attachment to a VPC is recorded."""
    return {
        "alicloud:ots/instance:Instance": Instance(tablestore),
        "alicloud:ots/table:Table": Table(tablestore),
        "alicloud:ots/instanceAttachment:InstanceAttachment": Recorded(
            documents,
            "otsAttachment",
            lambda inputs: f"{inputs['instanceName']}:{inputs['vpcName']}",
            references={"vswitchId": "vswitch"},
            identity=("instanceName", "vpcName"),
        ),
    }


def _key_column(item: dict[str, Any]) -> tuple[str, str]:
    kind = str(item.get("type", ""))
    if kind not in ("String", "Integer", "Binary"):
        raise CloudError(
            400, "OTSParameterInvalid", f"primaryKeys: type {kind!r} of {item.get('name')!r}"
        )
    return str(item["name"]), kind.upper()


def _encryption(inputs: Inputs) -> Encryption | None:
    if inputs.get("enableSse") is None:
        return None
    return Encryption(
        bool(inputs["enableSse"]),
        inputs.get("sseKeyType"),
        inputs.get("sseKeyId"),
        inputs.get("sseRoleArn"),
    )
