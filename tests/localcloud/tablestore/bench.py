"""A served Tablestore and calls of the official SDK."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import tablestore as ots
from tablestore.retry import NoRetryPolicy

from localcloud.core.config import CloudConfig
from localcloud.core.faults import Faults
from localcloud.ram import Credentials, Ram
from localcloud.tablestore import Tablestore

INSTANCE = "agent-test"
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": ["fc.aliyuncs.com"]},
            }
        ],
    }
)


@dataclass
class Bench:
    """A served Tablestore with table `log` (`ticket_id` STRING, `seq` INTEGER)."""

    url: str
    config: CloudConfig
    store: Tablestore
    ram: Ram
    faults: Faults

    def client(
        self, credentials: Credentials | None = None, *, region: str | None = None, **more: Any
    ) -> ots.OTSClient:
        used = credentials or self.ram.administrator
        more = {"retry_policy": NoRetryPolicy(), "logger_level": logging.CRITICAL, **more}
        return ots.OTSClient(
            self.url,
            used.access_key_id,
            used.access_key_secret,
            more.pop("instance", INSTANCE),
            sts_token=used.security_token,
            region=region,
            **more,
        )

    def role(self, name: str, actions: list[str], *tables: str) -> Credentials:
        """Credentials of a new role that may do this on these tables."""
        prefix = f"acs:ots:{self.config.region}:{self.config.account_id}:instance/{INSTANCE}/table"
        self.ram.create_role(name, TRUST)
        statement = {
            "Effect": "Allow",
            "Action": actions,
            "Resource": [f"{prefix}/{table}" for table in tables],
        }
        self.ram.put_policy(name, json.dumps({"Version": "1", "Statement": [statement]}))
        self.ram.attach(name, name)
        return self.ram.credentials_for(self.ram.arn(name))


async def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Run a call of the blocking SDK beside the event loop that serves it."""
    return await asyncio.to_thread(function, *arguments, **named)


async def refused(function: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, str]:
    """The status and the code that a call is refused with."""
    with pytest.raises(ots.OTSServiceError) as caught:
        await call(function, *arguments, **named)
    return caught.value.get_http_status(), caught.value.get_error_code()
