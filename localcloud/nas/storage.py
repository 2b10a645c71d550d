"""File systems as folders; access groups decide who may mount them, and how.

What an access rule can do here: it decides whether a mount succeeds, and whether it is read-only. A
folder of this machine has no kernel between it and the process, so a read-only mount is delivered
with the write permission taken from the files in it: an accident is stopped, root is not.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.documents import Documents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from localcloud.core.config import CloudConfig

OPERATIONS = {
    "CreateFileSystem": "domain call; a folder",
    "DeleteFileSystem": "domain call; refused while it has mount targets",
    "CreateAccessGroup": "domain call",
    "CreateAccessRule": "domain call; source range, RDWR or RDONLY, priority",
    "CreateMountTarget": "domain call",
    "(mount)": "domain call `resolve`, which Function Compute uses",
}
_SERVER_ADDRESS = re.compile(r"([A-Za-z0-9.-]+):(/[^\0]*)")
_ANYWHERE = "0.0.0.0/0"
_MOST_FILES = 20_000


@dataclass(frozen=True)
class Mount:
    """What a server address leads to."""

    path: Path
    read_only: bool


class FileStorage:
    """The file systems of one account and region.

    Args:
        config: where the state lies, and the region.

    Raises:
        StateDamaged: the file of definitions is no sound database.
    """

    name = "nas"

    def __init__(self, config: CloudConfig) -> None:
        self._config = config
        self._root = config.state_dir / "nas"
        self._documents = Documents(config.state_dir / "nas.sqlite")

    def create_file_system(self, spec: dict[str, Any] | None = None) -> str:
        """Create a file system and return its id.

        Args:
            spec: inputs of ``nas.FileSystem``; recorded, without an effect here.
        """
        id_ = secrets.token_hex(5)
        (self._root / id_).mkdir(parents=True)
        self._documents.put("fileSystem", id_, dict(spec or {}))
        return id_

    def update_file_system(self, id_: str, spec: dict[str, Any]) -> None:
        """Change what is recorded of a file system.

        Raises:
            CloudError: 404, there is no such file system.
        """
        self.file_system(id_)
        self._documents.put("fileSystem", id_, dict(spec))

    def file_system(self, id_: str) -> dict[str, Any]:
        """What was asked for when it was made.

        Raises:
            CloudError: 404, there is no such file system.
        """
        return self._existing("fileSystem", id_, "InvalidFileSystem.NotFound")

    def delete_file_system(self, id_: str) -> None:
        """Delete a file system with its files; one that is gone is no error.

        Raises:
            CloudError: 400, it still has mount targets.
        """
        if any(target["fileSystemId"] == id_ for target in self.mount_targets().values()):
            raise CloudError(
                400, "VolumeStatusForbidOperation", f"file system {id_} still has mount targets"
            )
        self._documents.remove("fileSystem", id_)
        shutil.rmtree(self._root / id_, ignore_errors=True)

    def folder(self, id_: str) -> Path:
        """The folder of a file system.

        Raises:
            CloudError: 404, there is no such file system.
        """
        self.file_system(id_)
        return self._root / id_

    def put_access_group(self, name: str, spec: dict[str, Any] | None = None) -> None:
        """Create or change an access group."""
        self._documents.put("accessGroup", name, dict(spec or {}))

    def delete_access_group(self, name: str) -> None:
        """Delete an access group and its rules; one that is gone is no error.

        Raises:
            CloudError: 400, a mount target uses it.
        """
        if any(target["accessGroupName"] == name for target in self.mount_targets().values()):
            raise CloudError(400, "AccessGroup.InUse", f"a mount target uses access group {name}")
        for id_, rule in self._documents.all("accessRule").items():
            if rule["accessGroupName"] == name:
                self._documents.remove("accessRule", id_)
        self._documents.remove("accessGroup", name)

    def put_access_rule(self, group: str, spec: dict[str, Any], id_: str | None = None) -> str:
        """Create or change a rule and return its id.

        Args:
            group: name of the access group.
            spec: ``sourceCidrIp``, ``rwAccessType`` (RDWR or RDONLY), ``priority`` (1 to 100, the
                smallest that fits wins), ``userAccessType`` (recorded).
            id_: of the rule to change.

        Raises:
            CloudError: 404 for an unknown group, 400 for a bad value.
        """
        self._existing("accessGroup", group, "InvalidAccessGroup.NotFound")
        access, priority = spec.get("rwAccessType", "RDWR"), int(spec.get("priority", 1))
        if access not in ("RDWR", "RDONLY"):
            raise CloudError(400, "InvalidRWAccess", f"rwAccessType {access!r}: RDWR or RDONLY")
        if not 1 <= priority <= 100:
            raise CloudError(400, "InvalidPriority", f"priority {priority}: 1 to 100")
        _network("sourceCidrIp", spec.get("sourceCidrIp", _ANYWHERE))
        known = id_ or secrets.token_hex(4)
        self._documents.put("accessRule", known, {**spec, "accessGroupName": group})
        return known

    def delete_access_rule(self, id_: str) -> None:
        """Delete a rule; one that is gone is no error."""
        self._documents.remove("accessRule", id_)

    def create_mount_target(
        self, file_system_id: str, group: str, spec: dict[str, Any] | None = None
    ) -> str:
        """Create a mount target and return its domain.

        Raises:
            CloudError: 404, there is no such file system or access group.
        """
        self.file_system(file_system_id)
        self._existing("accessGroup", group, "InvalidAccessGroup.NotFound")
        domain = f"{file_system_id}-{secrets.token_hex(3)}.{self._config.region}.nas.aliyuncs.com"
        self.put_mount_target(domain, file_system_id, group, spec)
        return domain

    def put_mount_target(
        self, domain: str, file_system_id: str, group: str, spec: dict[str, Any] | None = None
    ) -> None:
        """Change a mount target."""
        body = {**(spec or {}), "fileSystemId": file_system_id, "accessGroupName": group}
        self._documents.put("mountTarget", domain, body)

    def delete_mount_target(self, domain: str) -> None:
        """Delete a mount target; one that is gone is no error."""
        self._documents.remove("mountTarget", domain)

    def mount_targets(self) -> dict[str, dict[str, Any]]:
        """Mount targets by domain."""
        return self._documents.all("mountTarget")

    def resolve(self, server_address: str, ranges: Sequence[str] = ()) -> Mount:
        """Mount: find the folder behind ``<mount target>:/<dir>``, made when it is not there.

        Args:
            server_address: of a mount point.
            ranges: address ranges that the client sits in (its vSwitches); empty: unknown, which
                only rules for everywhere (0.0.0.0/0) fit, or else the first rule by priority.

        Raises:
            CloudError: 400 for a malformed address, 404 for an unknown target, 403 when no rule
                lets the client in.
        """
        match = _SERVER_ADDRESS.fullmatch(server_address)
        if not match or ".." in match[2].split("/"):
            raise CloudError(
                400, "InvalidArgument", f"serverAddr {server_address!r}: <mount target>:/<dir>"
            )
        target = self._existing("mountTarget", match[1], "InvalidMountTarget.NotFound")
        access = self._access(target["accessGroupName"], ranges)
        if access is None:
            raise CloudError(
                403,
                "AccessDenied",
                f"no rule of access group {target['accessGroupName']} lets "
                f"{', '.join(ranges) or 'the client'} mount {server_address}",
            )
        path = self.folder(target["fileSystemId"]).joinpath(*match[2].strip("/").split("/"))
        path.mkdir(parents=True, exist_ok=True)
        if access == "RDONLY":
            _protect(path)
        return Mount(path, access == "RDONLY")

    def close(self) -> None:
        """Close the file of definitions."""
        self._documents.close()

    def _access(self, group: str, ranges: Sequence[str]) -> str | None:
        rules = sorted(
            (
                rule
                for rule in self._documents.all("accessRule").values()
                if rule["accessGroupName"] == group
            ),
            key=lambda rule: int(rule.get("priority", 1)),
        )
        if not ranges:
            everywhere = [rule for rule in rules if _source(rule) == _ANYWHERE]
            chosen = (everywhere or rules)[:1]
            return str(chosen[0].get("rwAccessType", "RDWR")) if chosen else None
        given = {self._access_from(rules, range_) for range_ in ranges}
        if None in given:
            return None
        return "RDONLY" if "RDONLY" in given else "RDWR"

    @staticmethod
    def _access_from(rules: list[dict[str, Any]], range_: str) -> str | None:
        inside = _network("cidrBlock", range_)
        for rule in rules:
            if inside.subnet_of(_network("sourceCidrIp", _source(rule))):
                return str(rule.get("rwAccessType", "RDWR"))
        return None

    def _existing(self, kind: str, id_: str, code: str) -> dict[str, Any]:
        body = self._documents.get(kind, id_)
        if body is None:
            raise CloudError(404, code, f"there is no {kind} {id_!r}")
        return body


def _source(rule: dict[str, Any]) -> str:
    return str(rule.get("sourceCidrIp") or _ANYWHERE)


def _network(name: str, text: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(text, strict=False)
    except ValueError as bad:
        raise CloudError(400, "InvalidSourceCidrIp", f"{name}: {bad}") from bad


def _protect(folder: Path) -> None:
    """Take the write permission from files; folders keep it: a writer can add and rename."""
    for count, path in enumerate(folder.rglob("*")):
        if count >= _MOST_FILES:
            return
        if path.is_file() and not path.is_symlink():
            mode = path.stat().st_mode
            if mode & 0o222:
                path.chmod(mode & 0o555)
