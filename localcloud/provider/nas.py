"""``nas.*`` on the local file storage. Ids and outputs as the Terraform provider's [S]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.provider import Created
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from localcloud.nas import FileStorage


class FileSystem(Handler):
    """``nas.FileSystem``: the id is the file system's."""

    def __init__(self, nas: FileStorage) -> None:
        self._nas = nas

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create, or change the description."""
        if id_ is None:
            id_ = self._nas.create_file_system(inputs)
        else:
            self._nas.update_file_system(id_, inputs)
        return Created(id_, {**inputs, "status": "Running"})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its files."""
        del outputs
        self._nas.delete_file_system(id_)

    async def read(self, id_: str) -> Created:
        """Look it up."""
        return Created(id_, {**self._nas.file_system(id_), "status": "Running"})


class AccessGroup(Handler):
    """``nas.AccessGroup``: the id is ``name:file system type``."""

    identity = ("accessGroupName", "fileSystemType")

    def __init__(self, nas: FileStorage) -> None:
        self._nas = nas

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        name = str(required(inputs, "accessGroupName"))
        self._nas.put_access_group(name, inputs)
        return Created(id_ or f"{name}:{inputs.get('fileSystemType', 'standard')}", inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its rules."""
        del outputs
        self._nas.delete_access_group(id_.partition(":")[0])


class AccessRule(Handler):
    """``nas.AccessRule``: the id is ``group:rule``."""

    def __init__(self, nas: FileStorage) -> None:
        self._nas = nas

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        group = str(required(inputs, "accessGroupName"))
        known = id_.partition(":")[2] if id_ else None
        rule = self._nas.put_access_rule(group, inputs, known)
        return Created(f"{group}:{rule}", {**inputs, "accessRuleId": rule})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        self._nas.delete_access_rule(id_.partition(":")[2])


class MountTarget(Handler):
    """``nas.MountTarget``: the id is ``file system:domain``."""

    def __init__(self, nas: FileStorage) -> None:
        self._nas = nas

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create, or change its access group."""
        file_system = str(required(inputs, "fileSystemId"))
        group = str(required(inputs, "accessGroupName"))
        if id_ is None:
            domain = self._nas.create_mount_target(file_system, group, inputs)
        else:
            domain = id_.partition(":")[2]
            self._nas.put_mount_target(domain, file_system, group, inputs)
        outputs = {**inputs, "mountTargetDomain": domain, "status": "Active"}
        return Created(f"{file_system}:{domain}", outputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        self._nas.delete_mount_target(id_.partition(":")[2])


def nas_handlers(nas: FileStorage) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:nas/fileSystem:FileSystem": FileSystem(nas),
        "alicloud:nas/accessGroup:AccessGroup": AccessGroup(nas),
        "alicloud:nas/accessRule:AccessRule": AccessRule(nas),
        "alicloud:nas/mountTarget:MountTarget": MountTarget(nas),
    }
