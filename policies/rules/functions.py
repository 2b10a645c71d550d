"""Functions: what runs, how many requests at a time, what they are told, where failures go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from policies.rules.model import (
    UNKNOWN,
    Finding,
    Resource,
    ResourceRule,
    Severity,
    StackRule,
    Verdict,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FUNCTION = "alicloud:fc/v3Function:V3Function"
ASYNC_CONFIG = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"
TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"
RULE = "alicloud:eventbridge/rule:Rule"
CUSTOM_RUNTIMES = ("custom", "custom-container")
BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
DISPATCHER = re.compile(r"-dispatcher$")
DISPATCHER_RUNTIME = "python3.10"
SECRET_NAME = re.compile(
    r"(SECRET|PASSWORD|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)", re.IGNORECASE
)
NAME_OF_A_SECRET = re.compile(r"_(PARAMETER|NAME|ARN)$")
SECRET_VALUE = re.compile(
    r"(\bsk-[A-Za-z0-9_-]{16,}|\bLTAI[A-Za-z0-9]{12,}|-----BEGIN [A-Z ]*PRIVATE KEY)"
)


def one_request_at_a_time(resource: Resource) -> Iterator[Finding]:
    """Built-in runtimes take one request; nothing slows the start of the dispatcher."""
    runtime = resource.get("runtime")
    if runtime is UNKNOWN:
        yield judge(runtime, bool, "runtime")
        return
    builtin = not str(runtime).startswith(CUSTOM_RUNTIMES)
    if builtin:
        concurrency = resource.get("instanceConcurrency")
        yield judge(concurrency, lambda value: value in {None, 1}, "instanceConcurrency is not 1")
    name = resource.get("functionName")
    if name is UNKNOWN:
        yield judge(name, bool, "functionName")
    elif DISPATCHER.search(name or ""):
        yield judge(
            runtime,
            lambda value: value == DISPATCHER_RUNTIME,
            f"runtime is not {DISPATCHER_RUNTIME}",
        )
        for heavy in ("layers", "nasConfig"):
            yield judge(
                resource.get(heavy), lambda value: not value, f"{heavy} is set on the dispatcher"
            )


def image_by_digest(resource: Resource) -> Iterator[Finding]:
    """A container image is named by its digest."""
    image = resource.get("customContainerConfig.image")
    if image is None:
        yield Finding(Verdict.COMPLIANT)
        return
    message = "customContainerConfig.image is not named by digest"
    yield judge(image, lambda value: bool(BY_DIGEST.search(value)), message)


def no_secret_in_environment(resource: Resource) -> Iterator[Finding]:
    """No variable is called like a secret, and none looks like one."""
    variables = resource.get("environmentVariables")
    if variables is UNKNOWN or variables is None:
        yield judge(variables, lambda _: True, "environmentVariables")
        return
    for name, value in sorted(variables.items()):
        yield _variable(name, value)


def _variable(name: str, value: Any) -> Finding:
    where = f"environmentVariables.{name}"
    if SECRET_NAME.search(name) and not NAME_OF_A_SECRET.search(name):
        # The name gives it away, whatever the value turns out to be; an empty one is no secret.
        return judge(value, lambda given: not given, f"{where} is called like a secret")
    return judge(
        value, lambda given: not SECRET_VALUE.search(str(given)), f"{where} looks like a secret"
    )


def failure_destination(resource: Resource) -> Iterator[Finding]:
    """A failed asynchronous invocation goes somewhere."""
    destination = resource.get("destinationConfig.onFailure.destination")
    yield judge(destination, bool, "destinationConfig.onFailure is not set")


def async_functions_configured(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Whatever a timer or a rule invokes has an async config, without which failures vanish."""
    configured = {each.get("functionName") for each in resources if each.type == ASYNC_CONFIG}
    for name, urn in _invoked_asynchronously(resources):
        if name is UNKNOWN or UNKNOWN in configured:
            yield Finding(Verdict.UNKNOWN, "functionName is not known before the deployment", urn)
        elif name in configured:
            yield Finding(Verdict.COMPLIANT)
        else:
            message = f"{name} is invoked asynchronously and has no V3AsyncInvokeConfig"
            yield Finding(Verdict.VIOLATION, message, urn)


def _invoked_asynchronously(resources: Sequence[Resource]) -> Iterator[tuple[Any, str]]:
    for each in resources:
        if each.type == TRIGGER and each.get("triggerType") != "http":
            yield each.get("functionName"), each.urn
        if each.type == RULE:
            for target in _known_list(each.get("targets")):
                endpoint = target.get("endpoint")
                if not isinstance(endpoint, str):
                    yield UNKNOWN, each.urn
                elif ":functions/" in endpoint:
                    yield endpoint.rpartition("/")[2], each.urn


def _known_list(value: Any) -> list[dict[str, Any]]:
    return [{"endpoint": UNKNOWN}] if value is UNKNOWN else list(value or [])


FUNCTION_RULES = (
    ResourceRule(
        id="function-concurrency",
        title="Built-in runtimes take one request at a time, and the dispatcher stays light",
        severity=Severity.HIGH,
        reason="The platform refuses more, and a dispatcher with mounts or layers starts late.",
        remedy="Set instanceConcurrency to 1; give the dispatcher neither layers nor mounts.",
        link="https://www.alibabacloud.com/help/en/functioncompute/fc/user-guide/configure-instance-"
        "concurrency",
        types=(FUNCTION,),
        check=one_request_at_a_time,
    ),
    ResourceRule(
        id="image-by-digest",
        title="Images are named by digest",
        severity=Severity.HIGH,
        reason="A tag that moves changes what runs without a deployment, or fails the function.",
        remedy="Use host/namespace/name@sha256:…, as the stack does.",
        link="https://www.alibabacloud.com/help/en/functioncompute/fc/user-guide/custom-container",
        types=(FUNCTION,),
        check=image_by_digest,
    ),
    ResourceRule(
        id="no-secret-in-environment",
        title="Environment variables hold no secrets",
        severity=Severity.CRITICAL,
        reason="They stand in the console, in state and in every preview.",
        remedy="Keep it in an oos.SecretParameter and give the function its name.",
        link="https://www.alibabacloud.com/help/en/oos/user-guide/encryption-parameters",
        types=(FUNCTION,),
        check=no_secret_in_environment,
    ),
    ResourceRule(
        id="failure-destination",
        title="Failed asynchronous invocations go somewhere",
        severity=Severity.HIGH,
        reason="Without a destination a task that the platform gave up is lost without a word.",
        remedy="Set destinationConfig.onFailure.",
        link="https://www.alibabacloud.com/help/en/fc/user-guide/result-callback",
        types=(ASYNC_CONFIG,),
        check=failure_destination,
    ),
)

FUNCTION_STACK_RULES = (
    StackRule(
        id="async-functions-configured",
        title="Functions that are invoked asynchronously say what happens to failures",
        severity=Severity.HIGH,
        reason="The platform's defaults retry for a day and then forget.",
        remedy="Add a V3AsyncInvokeConfig on LATEST with a failure destination.",
        link="https://www.alibabacloud.com/help/en/fc/user-guide/result-callback",
        check=async_functions_configured,
    ),
)
