"""A running local cloud with the stack ``local`` on it."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.config import load_configuration, load_project
from engine.deploy import UpResult, up
from engine.errors import EngineError
from localcloud.cloud import Cloud
from localcloud.core.config import CloudConfig
from localcloud.core.door import Door
from localcloud.lock import state_lock
from localcloud.server import HOST, PortUnusable, open_port, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from engine.events import ResourceEvent

STACK = "local"
TOKEN_SECONDS = 12 * 3600
DEMO_SCOPE = "approver"
SERVICES = ("tablestore", "fc", "oss", "eventbridge", "apigateway", "oos", "registry", "gateway")
_MODEL = {"MODEL_BASE_URL": "base_url", "MODEL_NAME": "name"}


@dataclass(frozen=True)
class RunningCloud:
    """A cloud that answers.

    Attributes:
        outputs: what the program exported.
        result: what the deployment did.
        api_url: of the HTTP API, without ``/v1``.
        websocket_url: of the push channel.
        token: of the demo user, valid for 12 hours.
        endpoints: base URL by service.
    """

    cloud: Cloud
    outputs: dict[str, Any]
    result: UpResult
    api_url: str
    websocket_url: str
    token: str
    endpoints: dict[str, str]
    state_dir: Path


@asynccontextmanager
async def running(
    project: Path,
    state_dir: Path,
    port: int = 0,
    on_event: Callable[[ResourceEvent], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[RunningCloud]:
    """Start the services, provision the stack, and stop everything in the end.

    Args:
        project: the directory of ``Pulumi.yaml``.
        state_dir: where everything is kept; the same directory gives the same cloud again.
        port: loopback port; 0 takes the one of the last time if it is free, else any.
        on_event: told about the progress of provisioning.
        environment: in place of this process's, for ``MODEL_*``.

    Raises:
        StateInUse: another cloud runs on the directory.
        PortUnusable: the port cannot be had.
        StateDamaged: a file of the state cannot be read.
        EngineError: the program or an operation failed; the message is for people.
    """
    variables = os.environ if environment is None else environment
    state_dir = state_dir.resolve()
    account, region = _identity(project)
    async with AsyncExitStack() as stack:
        stack.enter_context(state_lock(state_dir))
        listener = _listen(port, state_dir)
        stack.callback(listener.close)
        config = CloudConfig(
            account_id=account,
            region=region,
            host=HOST,
            port=listener.getsockname()[1],
            state_dir=state_dir,
        )
        cloud = Cloud(config, project)
        stack.push_async_callback(cloud.stop)
        await cloud.start()
        await stack.enter_async_context(serving(Door(cloud.services), listener))
        url = f"http://{HOST}:{config.port}"
        endpoints = dict.fromkeys(SERVICES, url)
        # Devices are unregistered while functions and server are still there.
        stack.push_async_callback(cloud.apigateway.channels.stop)
        result = await _provision(project, cloud, endpoints, variables, on_event)
        now = cloud.clock.now()
        yield RunningCloud(
            cloud=cloud,
            outputs=result.outputs,
            result=result,
            api_url=url,
            websocket_url=f"ws://{HOST}:{config.port}/",
            token=cloud.tokens.sign(
                "demo", now=now, seconds=TOKEN_SECONDS, tenant="demo", scope=DEMO_SCOPE
            ),
            endpoints=endpoints,
            state_dir=state_dir,
        )


async def _provision(
    project: Path,
    cloud: Cloud,
    endpoints: dict[str, str],
    variables: Mapping[str, str],
    on_event: Callable[[ResourceEvent], None] | None,
) -> UpResult:
    """Run the program as ``pulumi up -c …`` would, with this cloud's addresses and keys."""
    name = load_project(project).name
    model = {key: variables[var] for var, key in _MODEL.items() if variables.get(var)}
    config: dict[str, Any] = {
        f"{name}:endpoints": endpoints,
        f"{name}:gateway": {"jwks": cloud.tokens.jwks},
    }
    if model:
        config[f"{name}:model"] = model
    key = variables.get("MODEL_API_KEY")
    secrets = {f"{name}:model_key": key} if key and model else {}
    administrator = cloud.ram.administrator
    return await up(
        project,
        STACK,
        cloud.provider,
        state=cloud.config.state_dir / "stack.json",
        config=config,
        secrets=secrets,
        environment={
            "ALIBABA_CLOUD_ACCESS_KEY_ID": administrator.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": administrator.access_key_secret,
        },
        on_event=on_event,
    )


def _identity(project: Path) -> tuple[str, str]:
    """Account and region of the stack's configuration."""
    values = load_configuration(load_project(project), STACK).of_package("alicloud")
    if missing := [key for key in ("accountId", "region") if not values.get(key)]:
        raise EngineError(f"Pulumi.{STACK}.yaml: alicloud:{missing[0]} is not set")
    return values["accountId"], values["region"]


def _listen(port: int, state_dir: Path) -> socket.socket:
    """Open the port, and remember it: with the same addresses a restart changes nothing."""
    memory = state_dir / "port"
    listener = None
    if port == 0 and memory.exists():
        try:
            listener = open_port(int(memory.read_text()))
        except (PortUnusable, ValueError):
            listener = None
    if listener is None:
        listener = open_port(port)
    memory.write_text(f"{listener.getsockname()[1]}\n")
    return listener
