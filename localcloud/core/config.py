"""Whose cloud this is and where it lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class CloudConfig:
    """One local cloud.

    Attributes:
        account_id: the account that everything belongs to, 16 digits.
        region: the one region there is.
        host: the loopback address that it listens on.
        port: the one port of all services.
        state_dir: the one directory of all state.
    """

    state_dir: Path
    account_id: str = "1234567890123456"
    region: str = "cn-hangzhou"
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def endpoint(self) -> str:
        """The URL of every service."""
        return f"http://{self.host}:{self.port}"
