"""What an instance is given before it starts: id, folders, mounts, credentials, variables."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.fc.environment import rewrite_mounts, variables_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.core.config import CloudConfig
    from localcloud.fc.model import Spec
    from localcloud.nas import FileStorage
    from localcloud.ram import Credentials, Ram


@dataclass(frozen=True)
class Keys:
    """Temporary credentials of a role; empty without one."""

    access_key_id: str = ""
    access_key_secret: str = ""
    security_token: str = ""

    @classmethod
    def of(cls, credentials: Credentials) -> Keys:
        """From RAM's."""
        return cls(
            credentials.access_key_id,
            credentials.access_key_secret,
            credentials.security_token or "",
        )


class Home:
    """One instance's own place.

    Args:
        spec: the function.
        code: where its code lies, shared and read-only.
        config: account, region, state directory.
        ram: gives the role's credentials.
        nas: knows the mounts.
        ranges: address range of a vSwitch, where it is known.
    """

    def __init__(
        self,
        spec: Spec,
        code: Path,
        config: CloudConfig,
        ram: Ram,
        nas: FileStorage,
        ranges: Callable[[str], str | None],
    ) -> None:
        self.spec = spec
        self.code = code
        self.config = config
        self.instance_id = (
            f"c-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:12]}"
        )
        self._ram = ram
        self._nas = nas
        self._ranges = ranges
        self.folder = config.state_dir / "fc" / "instances" / self.instance_id
        self.temporary = self.folder / "tmp"

    def keys(self) -> Keys:
        """Current credentials of the function's role.

        Raises:
            CloudError: there is no such role, or it does not trust Function Compute.
        """
        return Keys.of(self._ram.credentials_for(self.spec.role)) if self.spec.role else Keys()

    def prepare(self) -> None:
        """Make the folders; `remove` is what undoes it."""
        self.temporary.mkdir(parents=True)

    def remove(self) -> None:
        """Remove everything that the instance wrote for itself."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def variables(self) -> dict[str, str]:
        """The environment; mounts happen here.

        Raises:
            CloudError: a mount is refused, or leads nowhere.
        """
        ranges = [found for switch in self.spec.vswitches if (found := self._ranges(switch))]
        mounts = {
            point.path: self._nas.resolve(point.server_address, ranges).path
            for point in self.spec.mounts
        }
        own = variables_of(
            self.spec,
            self.config,
            instance_id=self.instance_id,
            code=self.code,
            temporary=self.temporary,
        )
        return rewrite_mounts(self.spec.variables, mounts) | own
