"""A served OSS, clients of the official SDK, and calls of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import alibabacloud_oss_v2 as oss
import pytest

from localcloud.core.config import CloudConfig
from localcloud.core.door import Door
from localcloud.core.faults import Faults
from localcloud.oss.service import Oss
from localcloud.ram import Credentials, Ram
from localcloud.server import open_port, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TRUST = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":["fc.aliyuncs.com"]}}]}'
)


class Site:
    """A served OSS, and clients of it."""

    def __init__(
        self, service: Oss, ram: Ram, port: int, config: CloudConfig, faults: Faults
    ) -> None:
        self.service, self.ram, self.config, self.faults = service, ram, config, faults
        self.url = f"http://127.0.0.1:{port}"

    def client(
        self, credentials: Credentials | None = None, region: str | None = None
    ) -> oss.Client:
        used = credentials or self.ram.administrator
        config = oss.config.load_default()
        config.credentials_provider = oss.credentials.StaticCredentialsProvider(
            used.access_key_id, used.access_key_secret, used.security_token
        )
        config.region = region or self.config.region
        config.endpoint = self.url
        config.use_path_style = True
        config.retry_max_attempts = 1
        return oss.Client(config)

    def role(self, name: str, *statements: tuple[list[str], str]) -> Credentials:
        """Credentials of a new role that may do these actions below these names."""
        self.ram.create_role(name, TRUST)
        rows = [
            {
                "Effect": "Allow",
                "Action": actions,
                "Resource": [f"acs:oss:*:{self.config.account_id}:{below}"],
            }
            for actions, below in statements
        ]
        self.ram.put_policy(name, json.dumps({"Version": "1", "Statement": rows}))
        self.ram.attach(name, name)
        return self.ram.credentials_for(self.ram.arn(name))


@contextlib.asynccontextmanager
async def site(folder: Path, clock: Any) -> AsyncIterator[Site]:
    config, faults = CloudConfig(state_dir=folder), Faults()
    ram = Ram(config, clock)
    service = Oss(config, clock, ram, faults)
    listener = open_port(0)
    await service.start()
    async with serving(Door([service]), listener):
        yield Site(service, ram, listener.getsockname()[1], config, faults)
    await service.stop()
    ram.close()


async def call(function: Any, request: Any) -> Any:
    def whole() -> Any:
        answer = function(request)
        if isinstance(answer, oss.GetObjectResult):
            # The SDK streams: read it here, since this thread may block and the loop's may not.
            answer.body.read()
        return answer

    return await asyncio.to_thread(whole)


async def refused(function: Any, request: Any) -> tuple[int, str]:
    with pytest.raises(oss.exceptions.OperationError) as caught:
        await call(function, request)
    error = caught.value.unwrap()
    return error.status_code, error.code
