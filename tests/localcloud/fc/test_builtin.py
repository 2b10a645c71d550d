"""The built-in Python runtime, as a handler sees it."""

from __future__ import annotations

import base64
import json

import pytest

from localcloud.core.errors import CloudError
from localcloud.fc import limits
from tests.localcloud.fc.conftest import Bench, error_of, until

ECHO = """
def handler(event, context):
    return event
"""


async def test_event_and_answer_are_bytes(bench: Bench) -> None:
    bench.python("echo", ECHO)
    result = await bench.fc.invoke("echo", b"\x00\xffabc")
    assert (result.status, result.body) == (200, b"\x00\xffabc")
    assert result.headers["x-fc-request-id"]
    assert result.headers["x-fc-instance-id"] == bench.fc.instances()[0].instance_id
    assert result.error_type is None


async def test_the_first_call_is_cold_the_next_one_warm(bench: Bench) -> None:
    bench.python("echo", ECHO)
    await bench.call("echo", 1)
    await bench.call("echo", 2)
    first, second = bench.fc.invocations()
    assert (first.cold, second.cold) == (True, False)
    assert first.init_ms > 0 == second.init_ms
    assert first.instance_id == second.instance_id
    assert [record.kind for record in (first, second)] == ["sync", "sync"]


async def test_context_and_environment_are_the_platforms(bench: Bench) -> None:
    role = bench.role("worker")
    source = """
    import json, os, sys

    def initializer(context):
        global ready
        ready = context.function.name

    def handler(event, context):
        return {
            "environment": dict(os.environ),
            "request_id": context.request_id,
            "function": vars(context.function),
            "region": context.region,
            "account_id": context.account_id,
            "keys": [context.credentials.access_key_id, context.credentials.security_token],
            "initialized": ready,
            "cwd": os.getcwd(),
            "site": [entry for entry in sys.path if "site-packages" in entry],
        }
    """
    bench.python(
        "look",
        source,
        role=role,
        environmentVariables={"COLOUR": "blue"},
        instanceLifecycleConfig={"initializer": {"handler": "index.initializer", "timeout": 5}},
    )
    seen = await bench.call("look")
    environment = seen["environment"]
    assert environment.pop("COLOUR") == "blue"
    assert environment["FC_FUNCTION_NAME"] == "look"
    assert environment["FC_ACCOUNT_ID"] == bench.config.account_id
    assert environment["FC_REGION"] == "cn-hangzhou"
    assert environment["FC_INSTANCE_ID"] == bench.fc.instances()[0].instance_id
    assert environment["FC_FUNC_CODE_PATH"] == seen["cwd"]
    assert environment["TMPDIR"] == environment["HOME"]
    inherited = {name for name in environment if not name.startswith("FC_")}
    assert inherited <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "PWD"}
    assert seen["function"] == {
        "name": "look",
        "handler": "index.handler",
        "memory": 128,
        "timeout": 10,
        "initializer": "index.initializer",
    }
    assert seen["initialized"] == "look"
    credentials = bench.ram.credentials_for(role)
    assert seen["keys"] == [credentials.access_key_id, credentials.security_token]
    assert seen["request_id"] == bench.fc.invocations()[0].request_id
    assert seen["site"] == []


async def test_an_exception_is_an_error_document(bench: Bench) -> None:
    bench.python("bad", "def handler(event, context):\n    raise ValueError('no such thing')\n")
    error, document = error_of(await bench.fc.invoke("bad", b""))
    assert error == "UnhandledInvocationError"
    assert document["errorMessage"] == "no such thing"
    assert document["errorType"] == "ValueError"
    assert document["stackTrace"][0][1:] == [
        "line 2",
        "in handler",
        "raise ValueError('no such thing')",
    ]
    # The instance lives on.
    assert (await bench.fc.invoke("bad", b"")).headers["x-fc-instance-id"]
    assert [record.cold for record in bench.fc.invocations()] == [True, False]


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("import nothing_here", "ImportModuleError", "nothing_here"),
        ("x = 1", "HandlerNotFound", "handler"),
        ("def handler(:", "ImportModuleError", "SyntaxError"),
    ],
)
async def test_a_module_that_cannot_be_used(
    bench: Bench, source: str, kind: str, text: str
) -> None:
    bench.python("broken", source)
    error, document = error_of(await bench.fc.invoke("broken", b""))
    assert error == "UnhandledInvocationError"
    assert document["errorType"] == kind
    assert text in document["errorMessage"]
    await until(lambda: not bench.fc.instances())


async def test_an_initializer_that_fails_fails_the_request(bench: Bench) -> None:
    source = """
    def initializer(context):
        raise RuntimeError("not today")

    def handler(event, context):
        return "ok"
    """
    hook = {"initializer": {"handler": "index.initializer", "timeout": 5}}
    bench.python("moody", source, instanceLifecycleConfig=hook)
    error, document = error_of(await bench.fc.invoke("moody", b""))
    assert (error, document["errorMessage"]) == ("UnhandledInvocationError", "not today")
    await until(lambda: not bench.fc.instances())


async def test_an_initializer_has_its_own_timeout(bench: Bench) -> None:
    source = """
    import time

    def initializer(context):
        time.sleep(60)

    def handler(event, context):
        return "ok"
    """
    hook = {"initializer": {"handler": "index.initializer", "timeout": 1}}
    bench.python("slow", source, instanceLifecycleConfig=hook)
    error, document = error_of(await bench.fc.invoke("slow", b""))
    assert error == "FunctionTimeout"
    assert "initializer" in document["errorMessage"]


async def test_output_becomes_log_lines_of_the_request(bench: Bench) -> None:
    bench.sls.put_project("proj")
    bench.sls.put_logstore("proj", "store")
    source = """
    import logging, sys
    print("loading")

    def handler(event, context):
        print("to stdout")
        print("to stderr", file=sys.stderr)
        logging.getLogger().info("logged %s", event.decode())
        return "done"
    """
    bench.python("talk", source, logConfig={"project": "proj", "logstore": "store"})
    result = await bench.fc.invoke("talk", b"one", headers={"x-fc-log-type": "Tail"})
    await bench.fc.invoke("talk", b"two")
    first, second = (record.request_id for record in bench.fc.invocations())
    lines = bench.sls.tail("proj", "store", 50)
    assert lines[0].message == "loading"
    mine = [line.message for line in lines if line.fields["requestId"] == first]
    assert mine[0] == f"FC Invoke Start RequestId: {first}"
    assert mine[-1] == f"FC Invoke End RequestId: {first}"
    assert set(mine[1:3]) == {"to stdout", "to stderr"}
    assert mine[3].endswith(f"{first} [INFO] logged one")
    assert any("logged two" in line.message for line in lines if line.fields["requestId"] == second)
    tail = base64.b64decode(result.headers["x-fc-log-result"]).decode()
    assert "to stdout\n" in tail
    assert tail.endswith(f"FC Invoke End RequestId: {first}\n")


async def test_a_function_that_ends_its_process(bench: Bench) -> None:
    bench.python("quit", "import os\ndef handler(event, context):\n    os._exit(7)\n")
    error, document = error_of(await bench.fc.invoke("quit", b""))
    assert error == "ProcessExited"
    assert "exit code 7" in document["errorMessage"]
    await until(lambda: not bench.fc.instances())


async def test_a_result_that_is_too_large(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESULT", 1000)
    bench.python("large", "def handler(event, context):\n    return 'x' * int(event)\n")
    error, document = error_of(await bench.fc.invoke("large", b"1001"))
    assert (error, document["errorType"]) == ("UnhandledInvocationError", "ResponseTooLarge")
    assert len((await bench.fc.invoke("large", b"1000")).body) == 1000


async def test_a_request_that_is_too_large(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SYNC_PAYLOAD", 1000)
    bench.python("echo", ECHO)
    assert len((await bench.fc.invoke("echo", b"x" * 1000)).body) == 1000
    with pytest.raises(CloudError, match="1000 bytes") as refused:
        await bench.fc.invoke("echo", b"x" * 1001)
    assert refused.value.status == 413


async def test_the_code_that_was_deployed_stays(bench: Bench) -> None:
    bench.python("echo", ECHO)
    bench.objects.clear()
    assert await bench.call("echo", "still here") == "still here"


async def test_python_of_the_version_asked_for(bench: Bench) -> None:
    source = (
        "import sys\ndef handler(event, context):\n    return '%d.%d.%d' % sys.version_info[:3]\n"
    )
    bench.python("old", source, runtime="python3.10")
    version = (await bench.fc.invoke("old", b"")).body.decode()
    said = bench.fc.runtimes()["python3.10"]
    assert said.startswith(version)
    assert version.startswith("3.10.") or "standing in for 3.10" in said


async def test_the_credentials_of_python_3_12_are_in_the_environment(bench: Bench) -> None:
    source = """
    import os
    def handler(event, context):
        return [os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"], hasattr(context, "credentials")]
    """
    role = bench.role("worker")
    bench.python("new", source, runtime="python3.12", role=role)
    assert await bench.call("new") == [bench.ram.credentials_for(role).access_key_id, False]


async def test_json_of_other_results(bench: Bench) -> None:
    bench.python("typed", "def handler(event, context):\n    return {'a': [1, None]}\n")
    result = await bench.fc.invoke("typed", b"")
    assert json.loads(result.body) == {"a": [1, None]}
