"""What Function Compute speaks of: functions as asked for, calls, outcomes, records."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from localcloud.core.errors import CloudError
from localcloud.fc import limits

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILT_IN = re.compile(r"python3(\.\d+)?")
CONTAINER = "custom-container"
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

State = Literal["Pending", "Active", "Failed"]
InstanceState = Literal["starting", "idle", "running", "frozen", "stopping", "stopped"]


@dataclass(frozen=True)
class Hook:
    """An initializer or pre-stop: its handler (a container gets a call instead), its seconds."""

    handler: str
    timeout: float


@dataclass(frozen=True)
class Container:
    """How a container image is run; None leaves it to the image."""

    image: str
    port: int
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None


@dataclass(frozen=True)
class MountPoint:
    """A NAS directory at a path."""

    server_address: str
    path: str


@dataclass(frozen=True)
class Spec:
    """A function as asked for. `raw` is what `GetFunction` shows.

    Attributes:
        memory: MB.
        timeout: seconds of one invocation.
        concurrency: requests that an instance takes at once.
        idle_timeout: seconds until an idle instance is reclaimed.
        code: bucket and key of the zip; None for containers.
        log: project and logstore.
    """

    name: str
    runtime: str
    handler: str
    memory: int
    timeout: float
    concurrency: int
    idle_timeout: float
    variables: Mapping[str, str]
    role: str
    code: tuple[str, str] | None
    container: Container | None
    initializer: Hook | None
    pre_stop: Hook | None
    log: tuple[str, str] | None
    mounts: tuple[MountPoint, ...]
    vswitches: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class InvokeResult:
    """The answer to an invocation, as the API gives it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error_type(self) -> str | None:
        """Set when the function failed: the status of that is 200."""
        return self.headers.get("x-fc-error-type")


@dataclass(frozen=True)
class Outcome:
    """How one run of a function ended.

    Attributes:
        error: None, or the error's type: `UnhandledInvocationError` and `HandledInvocationError`
            are the function's, `FunctionTimeout`, `OutOfMemory`, `ProcessExited` and
            `InstanceStartFailed` the instance's.
    """

    payload: bytes
    error: str | None = None


@dataclass(frozen=True)
class Call:
    """One request on its way to an instance."""

    request_id: str
    payload: bytes
    attempt: int = 1


@dataclass(frozen=True)
class InstanceInfo:
    """An instance as seen from outside.

    Attributes:
        pid: of the process, which leads a process group of its own; 0 before it is there.
        started_at: Unix seconds.
    """

    function: str
    instance_id: str
    pid: int
    state: InstanceState
    started_at: float
    provisioned: bool = False


@dataclass(frozen=True)
class InvocationRecord:
    """One finished run.

    Attributes:
        kind: "sync" or "async".
        cold: the request waited for a new instance.
        queued_ms: from arrival until an instance was looked for.
        init_ms: cold: spawning, connecting and the initializer.
        run_ms: inside of the function.
        status: 200, or the status of a refusal.
        started_at: Unix seconds at which the instance was looked for.
        error: error type, or None.
        attempt: 1 for the first run of an asynchronous request.
    """

    function: str
    request_id: str
    kind: str
    cold: bool
    queued_ms: float
    init_ms: float
    run_ms: float
    status: int
    started_at: float
    error: str | None
    instance_id: str = ""
    attempt: int = 1


def parse_spec(raw: Mapping[str, Any]) -> Spec:
    """Read a function as a Pulumi program gives it (camelCase).

    Raises:
        CloudError: 400 that names field, value and rule.
    """
    reader = _Reader(raw)
    runtime = str(raw.get("runtime", ""))
    if not BUILT_IN.fullmatch(runtime) and runtime != CONTAINER:
        raise _bad(
            "runtime", runtime, "the local cloud runs python3, python3.X and custom-container"
        )
    name = str(raw.get("functionName") or "")
    if not _FUNCTION_NAME.fullmatch(name):
        raise _bad("functionName", name, "1 to 64 letters, digits, _ and -, no digit or - first")
    concurrency = int(reader.number("instanceConcurrency", 1, 0, limits.CONCURRENCY)) or 1
    if concurrency > 1 and runtime != CONTAINER:
        raise _bad(
            "instanceConcurrency", concurrency, "a built-in runtime takes one request at a time"
        )
    memory = int(reader.number("memorySize", limits.MEMORY_DEFAULT_MB, 64, 32_768))
    if memory % 64:
        raise _bad("memorySize", memory, "a multiple of 64")
    idle = reader.number("idleTimeout", -1, -1, limits.TIMEOUT_S)
    lifecycle = raw.get("instanceLifecycleConfig") or {}
    return Spec(
        name=name,
        runtime=runtime,
        handler=str(raw.get("handler", "")),
        memory=memory,
        timeout=reader.number("timeout", limits.TIMEOUT_DEFAULT_S, 1, limits.TIMEOUT_S),
        concurrency=concurrency,
        idle_timeout=limits.IDLE_DEFAULT_S if idle < 0 else idle,
        variables=_variables(raw.get("environmentVariables") or {}),
        role=str(raw.get("role") or ""),
        code=None if runtime == CONTAINER else _code(raw),
        container=_container(raw) if runtime == CONTAINER else None,
        initializer=_hook(
            lifecycle, "initializer", limits.INITIALIZER_DEFAULT_S, limits.INITIALIZER_S
        ),
        pre_stop=_hook(lifecycle, "preStop", limits.PRE_STOP_DEFAULT_S, limits.PRE_STOP_S),
        log=_log(raw.get("logConfig") or {}),
        mounts=_mounts(raw.get("nasConfig") or {}),
        vswitches=tuple((raw.get("vpcConfig") or {}).get("vswitchIds") or ()),
        raw=dict(raw),
    )


class _Reader:
    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    def number(self, key: str, default: float, least: float, most: float) -> float:
        value = self._raw.get(key)
        if value is None:
            return default
        if not isinstance(value, int | float) or not least <= value <= most:
            raise _bad(key, value, f"a number from {least:g} to {most:g}")
        return value


def _variables(variables: Mapping[str, Any]) -> dict[str, str]:
    found = {str(name): str(value) for name, value in variables.items()}
    for name in found:
        if not _VARIABLE_NAME.fullmatch(name) or name.upper().startswith("FC_"):
            raise _bad(
                "environmentVariables", name, "letters, digits and _, not beginning with FC_"
            )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
    if size > limits.ENVIRONMENT_BYTES:
        raise _bad("environmentVariables", f"{size} bytes", f"{limits.ENVIRONMENT_BYTES} at most")
    return found


def _code(raw: Mapping[str, Any]) -> tuple[str, str]:
    code = raw.get("code") or {}
    bucket, key = code.get("ossBucketName"), code.get("ossObjectName")
    if not bucket or not key:
        raise _bad(
            "code", sorted(code), "ossBucketName and ossObjectName (zipFile is not supported)"
        )
    if not raw.get("handler"):
        raise _bad("handler", "", "module.function")
    return str(bucket), str(key)


def _container(raw: Mapping[str, Any]) -> Container:
    config = raw.get("customContainerConfig") or {}
    if not config.get("image"):
        raise _bad("customContainerConfig.image", "", "an image reference")
    return Container(
        image=str(config["image"]),
        port=int(config.get("port") or 9000),
        command=_words(config.get("command")),
        entrypoint=_words(config.get("entrypoint")),
    )


def _words(value: Any) -> tuple[str, ...] | None:
    return tuple(str(word) for word in value) if value else None


def _hook(lifecycle: Mapping[str, Any], key: str, default: float, most: float) -> Hook | None:
    config = lifecycle.get(key)
    if not config:
        return None
    timeout = float(config.get("timeout") or default)
    if timeout > most:
        raise _bad(f"instanceLifecycleConfig.{key}.timeout", timeout, f"{most:g} s at most")
    return Hook(str(config.get("handler") or ""), timeout)


def _log(config: Mapping[str, Any]) -> tuple[str, str] | None:
    if not config.get("project") or not config.get("logstore"):
        return None
    return str(config["project"]), str(config["logstore"])


def _mounts(config: Mapping[str, Any]) -> tuple[MountPoint, ...]:
    points = config.get("mountPoints") or []
    if len(points) > limits.MOUNTS:
        raise _bad("nasConfig.mountPoints", len(points), f"{limits.MOUNTS} at most")
    return tuple(
        MountPoint(str(point["serverAddr"]), str(point["mountDir"]).rstrip("/")) for point in points
    )


def _bad(name: str, value: object, rule: str) -> CloudError:
    return CloudError(400, "InvalidArgument", f"{name} {value!r}: {rule}")
