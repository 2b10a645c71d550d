"""Previews of small programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from engine.errors import EngineError
from engine.preview import Preview, PreviewFailed, preview
from engine.values import UNKNOWN_SENTINEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STACK = "urn:pulumi:dev::trial::pulumi:pulumi:Stack::trial-dev"


def by_name(result: Preview) -> dict[str, dict[str, Any]]:
    steps = result.to_json(show_sames=True)["steps"]
    return {step["urn"].rsplit("::", 1)[-1]: step.get("newState", {}) for step in steps}


async def test_components_parents_and_dependencies(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        outer = Group("outer")
        inner = Group("inner", ResourceOptions(parent=outer))
        a = Thing("a", ResourceOptions(parent=inner), size=1)
        b = Thing("b", ResourceOptions(parent=a, depends_on=[outer]), label=a.token)
        pulumi.export("label", b.label)
        pulumi.export("size", a.size)
        """
    )

    result = await preview(root, "dev")

    a = "urn:pulumi:dev::trial::test:index:Group$test:index:Group$test:index:Thing::a"
    b = f"{a.removesuffix('::a')}$test:index:Thing::b"
    assert [step.urn for step in result.steps] == [
        STACK,
        "urn:pulumi:dev::trial::test:index:Group::outer",
        "urn:pulumi:dev::trial::test:index:Group$test:index:Group::inner",
        a,
        b,
    ]
    assert by_name(result)["b"] == {
        "urn": b,
        "type": "test:index:Thing",
        "custom": True,
        "inputs": {"label": UNKNOWN_SENTINEL},
        "parent": a,
        "provider": f"urn:pulumi:dev::trial::pulumi:providers:test::default::{UNKNOWN_SENTINEL}",
        "dependencies": [a],
        "propertyDependencies": {"label": [a]},
        "sourcePosition": by_name(result)["b"]["sourcePosition"],
    }
    assert by_name(result)["b"]["sourcePosition"].startswith("project:///__main__.py#")
    assert result.summary == {"create": 5}
    assert result.outputs == {"label": UNKNOWN_SENTINEL, "size": 1}


async def test_inputs_are_known_outputs_and_computed_ones_are_not(
    make_project: Callable[..., Path],
) -> None:
    root = make_project(
        """
        a = Thing("a", size=2, label="x")
        Thing("b", label=a.label.apply(str.upper), size=a.size, where=a.id, token2=a.token)
        """
    )

    inputs = by_name(await preview(root, "dev"))["b"]["inputs"]

    assert inputs == {
        "label": "X",
        "size": 2,
        "where": UNKNOWN_SENTINEL,
        "token2": UNKNOWN_SENTINEL,
    }


async def test_options_of_resources(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        group = Group("group", ResourceOptions(protect=True, retain_on_delete=True))
        Thing("kept", ResourceOptions(parent=group))
        Thing("free", ResourceOptions(parent=group, protect=False, retain_on_delete=False))
        Thing("odd", ResourceOptions(
            ignore_changes=["size"], replace_on_changes=["label"], import_="i-1",
            additional_secret_outputs=["token"], aliases=[pulumi.Alias(name="former")],
            custom_timeouts=pulumi.CustomTimeouts(create="1h30m"),
        ))
        """
    )

    result = await preview(root, "dev")
    states = by_name(result)

    for name in ("group", "kept"):
        assert states[name]["protect"] is True
        assert states[name]["retainOnDelete"] is True
    assert not {"protect", "retainOnDelete"} & states["free"].keys()
    assert states["odd"]["ignoreChanges"] == ["size"]
    assert states["odd"]["replaceOnChanges"] == ["label"]
    assert states["odd"]["importID"] == "i-1"
    assert result.summary == {"create": 4, "import": 1}
    assert states["odd"]["additionalSecretOutputs"] == ["token"]
    assert states["odd"]["customTimeouts"] == {"create": 5400.0}


async def test_providers(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        class Cloud(pulumi.ProviderResource):
            def __init__(self, name, opts=None):
                super().__init__("test", name, {"region": "here"}, opts)

        explicit = Cloud("explicit", ResourceOptions(version="2.1.0"))
        Thing("own", ResourceOptions(provider=explicit))
        group = Group("group", ResourceOptions(providers=[explicit]))
        Thing("child", ResourceOptions(parent=group))
        Thing("versioned", ResourceOptions(version="4.0.0"))
        Thing("other", ResourceOptions(version="1.0.0-beta.2"))
        """
    )

    states = by_name(await preview(root, "dev"))

    explicit = f"urn:pulumi:dev::trial::pulumi:providers:test::explicit::{UNKNOWN_SENTINEL}"
    prefix = "urn:pulumi:dev::trial::pulumi:providers:test::default"
    assert states["explicit"]["inputs"] == {
        "__internal": {},
        "region": "here",
        "version": "2.1.0",
    }
    assert states["own"]["provider"] == states["child"]["provider"] == explicit
    assert states["versioned"]["provider"] == f"{prefix}_4_0_0::{UNKNOWN_SENTINEL}"
    assert states["other"]["provider"] == f"{prefix}_1_0_0_beta_2::{UNKNOWN_SENTINEL}"


async def test_transformations_and_resource_references(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        def tagged(args):
            return pulumi.ResourceTransformationResult({**args.props, "tag": "t"}, args.opts)

        pulumi.runtime.register_stack_transformation(tagged)
        a = Thing("a")
        Thing("b", target=a)
        """
    )

    inputs = by_name(await preview(root, "dev"))["b"]["inputs"]

    assert inputs["tag"] == "t"
    assert inputs["target"]["urn"] == "urn:pulumi:dev::trial::test:index:Thing::a"
    assert inputs["target"]["id"] == UNKNOWN_SENTINEL


async def test_secrets_are_never_printed(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        secret = config.require_secret("key")
        a = Thing("a", label=secret, nested={"list": [secret, {"x": secret}]}, open="o")
        Thing("b", label=a.label.apply(lambda text: text + "!"))
        pulumi.export("secret", secret)
        """
    )

    result = await preview(root, "dev", secrets={"key": "hunter2"})

    assert "hunter2" not in json.dumps(result.to_json())
    assert "hunter2" not in repr(result)
    states = by_name(result)
    assert states["a"]["inputs"] == {
        "label": "[secret]",
        "nested": {"list": ["[secret]", {"x": "[secret]"}]},
        "open": "o",
    }
    assert states["b"]["inputs"] == {"label": "[secret]"}
    assert result.outputs == {"secret": "[secret]"}
    assert result.to_json()["config"] == {"trial:key": "[secret]"}


async def test_dynamic_resources_are_shown_and_not_run(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        from pulumi import dynamic

        class Provider(dynamic.ResourceProvider):
            def create(self, props):
                raise RuntimeError("a preview creates nothing")

        class Push(dynamic.Resource, module="artifacts", name="Push"):
            digest: Output[str]
            def __init__(self, name, props):
                super().__init__(Provider(), name, {**props, "at": None})

        push = Push("push", {"digest": "sha256:1"})
        Thing("user", label=push.digest, at=push.at)
        """
    )

    states = by_name(await preview(root, "dev"))

    assert states["push"]["type"] == "pulumi-python:dynamic/artifacts:Push"
    assert states["push"]["inputs"] == {"__provider": "[secret]", "digest": "sha256:1"}
    assert "pulumi:providers:pulumi-python::default::" in states["push"]["provider"]
    assert states["user"]["inputs"] == {"label": "sha256:1", "at": UNKNOWN_SENTINEL}


async def test_the_order_does_not_depend_on_timing(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        things = [Thing(f"t{number}", size=number) for number in range(20)]
        Thing("a-last", label=things[7].token)
        """
    )

    orders = [[step.urn for step in (await preview(root, "dev")).steps] for _ in range(3)]

    assert orders[0] == orders[1] == orders[2]
    assert orders[0][0] == STACK
    assert orders[0].index("urn:pulumi:dev::trial::test:index:Thing::t7") < next(
        index for index, urn in enumerate(orders[0]) if urn.endswith("a-last")
    )


async def test_data_sources_and_reads_are_unknown_without_an_account(
    make_project: Callable[..., Path], cloud: Any
) -> None:
    root = make_project(
        """
        answer = pulumi.runtime.invoke_output("test:index:ask", {"question": "why"})
        there = Thing("there", ResourceOptions(id="i-7"))
        Thing("user", answer=answer.apply(lambda a: a["answer"]), token2=there.token, id2=there.id)
        """
    )

    alone = by_name(await preview(root, "dev"))
    helped = by_name(await preview(root, "dev", provider=cloud))

    assert alone["there"]["external"] is True
    assert alone["there"]["id"] == "i-7"
    assert alone["user"]["inputs"] == {
        "answer": UNKNOWN_SENTINEL,
        "token2": UNKNOWN_SENTINEL,
        "id2": "i-7",
    }
    assert helped["user"]["inputs"] == {
        "answer": "test:index:ask why",
        "token2": "found i-7",
        "id2": "i-7",
    }


async def test_messages_and_output_of_the_program(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        import sys
        print("to stdout")
        print("to stderr", file=sys.stderr)
        pulumi.log.warn("careful", resource=Thing("a"))
        pulumi.log.info("fine")
        pulumi.log.debug("quiet")
        """
    )

    messages = (await preview(root, "dev")).to_json()["diagnostics"]

    assert {"message": "fine\n", "severity": "info"} in messages
    assert {"message": "to stdout\n", "severity": "info"} in messages
    assert {"message": "to stderr\n", "severity": "info#err"} in messages
    assert {
        "urn": "urn:pulumi:dev::trial::test:index:Thing::a",
        "message": "warning: careful\n",
        "severity": "warning",
    } in messages
    assert "quiet" not in json.dumps(messages)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise ValueError('the reason')", "ValueError: the reason"),
        ("raise pulumi.RunError('just this')", "^just this$"),
        ("import sys; sys.exit('stopped: bad setting')", "^stopped: bad setting$"),
        ("import sys; sys.exit(3)", "^the program ended with exit code 3$"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
        ("this is: not python", "SyntaxError"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("config.require('absent')", "trial:absent"),
        ("Thing('a')\nThing('a')", "duplicate resource URN .*::a; try giving it a unique name"),
        ("Thing('a', size=1).size.apply(lambda size: 1 / 0)", "ZeroDivisionError"),
        ("Thing('a', odd=object())", "unexpected input of type object"),
        ("Thing('a', ResourceOptions(transforms=[lambda args: None]))", "transforms"),
    ],
)
async def test_a_failing_program_ends_with_its_own_error(
    make_project: Callable[..., Path], program: str, message: str
) -> None:
    root = make_project("")
    with (root / "__main__.py").open("a") as file:
        file.write(program + "\n")

    with pytest.raises(PreviewFailed, match=message) as caught:
        await preview(root, "dev")

    assert "engine/" not in str(caught.value)
    assert "launch.py" not in str(caught.value)
    errors = [e for e in caught.value.preview.diagnostics if e.severity in ("error", "info#err")]
    assert errors


async def test_the_program_cannot_import_the_engines_modules(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("import render")

    with pytest.raises(PreviewFailed, match="No module named 'render'"):
        await preview(root, "dev")


async def test_an_unknown_stack_is_an_error_of_the_engine(
    make_project: Callable[..., Path],
) -> None:
    with pytest.raises(EngineError, match="no stack named 'prod'"):
        await preview(make_project(""), "prod")
