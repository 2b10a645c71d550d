"""What a service can refuse, apart from how its wire says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class CloudError(Exception):
    """A request that a service refuses.

    Attributes:
        status: the HTTP status.
        code: the service's own error code.
        message: for a person, naming what was wrong.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class NotSupported(CloudError):
    """An operation that the real service has and this one has not: loud, with its name."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            501, "NotSupported", f"the local cloud's {service} does not have: {operation}"
        )
        self.service = service
        self.operation = operation


class StateDamaged(Exception):
    """A file of the state directory cannot be used.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is damaged: {why}. Restore it, or start anew with another state directory."
        )
        self.path = path
