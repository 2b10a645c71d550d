"""The RPC control planes on a real port; the official SDK is the client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_tea_openapi import models
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_util.models import RuntimeOptions

from localcloud.apigateway.control import gateway_control
from localcloud.apigateway.definitions import Definitions
from localcloud.core.clock import SystemClock
from localcloud.core.config import CloudConfig
from localcloud.core.door import Door
from localcloud.documents import Documents
from localcloud.keys import Vault
from localcloud.oos.parameters import SecretParameters
from localcloud.oos.service import oos_control
from localcloud.ram import Credentials, Ram
from localcloud.server import HOST, open_port, serving

TRUST = (
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": ["fc.aliyuncs.com"]}}]}'
)


@dataclass
class Plane:
    """What the tests act on."""

    config: CloudConfig
    ram: Ram
    parameters: SecretParameters
    definitions: Definitions

    def role(self, *statements: str) -> Credentials:
        """Credentials of a role with these statements."""
        self.ram.create_role("reader", TRUST)
        if statements:
            body = ", ".join(statements)
            self.ram.put_policy("reading", f'{{"Version": "1", "Statement": [{body}]}}')
            self.ram.attach("reader", "reading")
        return self.ram.credentials_for(self.ram.arn("reader"))

    async def call(
        self,
        credentials: Credentials,
        version: str,
        action: str,
        query: dict[str, str],
        **more: Any,
    ) -> dict[str, Any]:
        """One call of the official client."""
        config = models.Config(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            endpoint=f"{HOST}:{self.config.port}",
            protocol="http",
        )
        params = models.Params(
            action=action, version=version, protocol="HTTP", pathname="/", method="POST",
            auth_type="AK", style="RPC", req_body_type="formData", body_type="json",
        )  # fmt: skip
        request = models.OpenApiRequest(query=query, **more)
        answer = await Client(config).call_api_async(params, request, RuntimeOptions())
        body: dict[str, Any] = answer["body"]
        return body


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    listener = open_port(0)
    config = CloudConfig(port=listener.getsockname()[1], state_dir=tmp_path)
    clock, vault = SystemClock(), Vault(tmp_path / "vault.key")
    ram = Ram(config, clock)
    parameters = SecretParameters(Documents(tmp_path / "oos.sqlite"), clock, vault)
    definitions = Definitions(Documents(tmp_path / "gateway.sqlite"), config, clock, vault)
    door = Door(
        [
            oos_control(config, clock, ram, parameters),
            gateway_control(config, clock, ram, definitions),
        ]
    )
    async with serving(door, listener):
        yield Plane(config, ram, parameters, definitions)


@pytest.fixture
def statement() -> Callable[[str, str], str]:
    def make(action: str, resource: str) -> str:
        return f'{{"Effect": "Allow", "Action": ["{action}"], "Resource": ["{resource}"]}}'

    return make
