"""Secret parameters: names and encrypted values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from localcloud.core.clock import Clock
    from localcloud.documents import Documents
    from localcloud.keys import Vault

_NAME = re.compile(r"^[A-Za-z0-9_/-]{2,180}$")
_RESERVED = ("ALIYUN", "ACS", "ALIBABA", "ALICLOUD", "OOS")
_VALUE_LIMIT = 4096


@dataclass(frozen=True)
class SecretParameter:
    """A parameter.

    Attributes:
        cipher: the value as it lies on disk.
        version: 1, and one more with every change.
    """

    name: str
    cipher: str
    version: int
    created: str
    updated: str
    description: str


class SecretParameters:
    """The parameters of the account.

    Rules of names and values: the provider's schema of ``oos.SecretParameter`` [S].
    """

    def __init__(self, documents: Documents, clock: Clock, vault: Vault) -> None:
        self._documents = documents
        self._clock = clock
        self._vault = vault

    def put(self, inputs: dict[str, Any]) -> SecretParameter:
        """Create a parameter or change its value.

        Args:
            inputs: ``secretParameterName``, ``value``, ``description``.

        Raises:
            CloudError: 400 for a name or value that the service refuses; the value is not shown.
        """
        name, value = str(inputs.get("secretParameterName", "")), str(inputs.get("value", ""))
        if not _NAME.match(name) or name.upper().startswith(_RESERVED):
            raise CloudError(
                400,
                "InvalidParameter.Name",
                f"secretParameterName {name!r}: 2 to 180 letters, digits, -, / and _, "
                f"beginning with none of {', '.join(_RESERVED)}",
            )
        if not 1 <= len(value) <= _VALUE_LIMIT:
            raise CloudError(
                400, "InvalidParameter.Value", f"value of {name}: 1 to {_VALUE_LIMIT} characters"
            )
        known = self._documents.get("secret", name)
        now = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "value": self._vault.encrypt(value),
            "version": known["version"] + 1 if known else 1,
            "created": known["created"] if known else now,
            "updated": now,
            "description": str(inputs.get("description") or ""),
        }
        self._documents.put("secret", name, body)
        return self.get(name)

    def get(self, name: str) -> SecretParameter:
        """Return a parameter.

        Raises:
            CloudError: 404.
        """
        body = self._documents.get("secret", name)
        if body is None:
            raise CloudError(404, "EntityNotExists.Parameter", f"parameter {name!r} does not exist")
        return SecretParameter(
            name,
            body["value"],
            body["version"],
            body["created"],
            body["updated"],
            body["description"],
        )

    def exists(self, name: str) -> bool:
        """Whether there is such a parameter."""
        return self._documents.get("secret", name) is not None

    def value(self, parameter: SecretParameter) -> str:
        """The value in the clear."""
        return self._vault.decrypt(parameter.cipher)

    def remove(self, name: str) -> None:
        """Delete a parameter."""
        self._documents.remove("secret", name)
