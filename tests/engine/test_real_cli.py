"""Our previews equal those of the real ``pulumi preview --json``.

They need the ``pulumi`` CLI with its Python language host on PATH, and the alicloud plugin.
Nothing is asked of a cloud: the state is a file, the credentials are placeholders that the
provider's configuration wants to see, and the plan of an empty stack reads nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.config import stacks
from engine.preview import preview
from tests.engine.comparing import comparable
from tests.engine.conftest import THING

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.cli, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = [stack for stack in stacks(REPOSITORY) if stack != "local"]

OPTIONS = """
    import pulumi_alicloud as ali
    from pulumi import dynamic

    TAGS = {"env": "test"}

    class Nothing(dynamic.ResourceProvider):
        def create(self, props):
            return dynamic.CreateResult("id", {**props, "url": "u"})

    class Push(dynamic.Resource, module="artifacts", name="Push"):
        digest: Output[str]
        url: Output[str]

        def __init__(self, name, props, opts=None):
            super().__init__(Nothing(), name, {**props, "url": None}, opts)

    def tagged(args):
        if args.type_.startswith("alicloud:vpc"):
            return pulumi.ResourceTransformationResult({**args.props, "tags": TAGS}, args.opts)

    pulumi.runtime.register_stack_transformation(tagged)
    provider = ali.Provider("elsewhere", region="cn-shanghai", skip_region_validation=True,
                            account_id="1234567890123456", account_type="Domestic",
                            endpoints=[{"oss": "http://localhost:1"}])
    outer = Group("outer", ResourceOptions(protect=True, providers=[provider]))
    inner = Group("inner", ResourceOptions(parent=outer, retain_on_delete=True))
    vpc = ali.vpc.Network("vpc", vpc_name="v", cidr_block="10.0.0.0/16",
                          opts=ResourceOptions(parent=inner))
    ali.vpc.Switch("switch", vpc_id=vpc.id, cidr_block="10.0.0.0/24", zone_id="cn-shanghai-b",
                   opts=ResourceOptions(parent=vpc, protect=False,
                                        aliases=[pulumi.Alias(name="x")]))
    group = ali.ecs.SecurityGroup(
        "group", vpc_id=vpc.id, security_group_name=vpc.vpc_name.apply(lambda n: n + "-group"),
        description=config.require_secret("word"),
        opts=ResourceOptions(depends_on=[outer], ignore_changes=["description"],
                             delete_before_replace=True, retain_on_delete=True,
                             custom_timeouts=pulumi.CustomTimeouts(create="1h30m")))
    bucket = ali.oss.Bucket("bucket", bucket="some-bucket-name", tags={
        "nested": pulumi.Output.secret("s3cret"), "plain": config.require_object("group")["word"]})
    push = Push("push", {"digest": "sha256:1", "bucket": bucket.bucket},
                ResourceOptions(depends_on=[group]))
    ali.oss.BucketObject("object", bucket=bucket.bucket, key=push.digest, content=push.url)
    outer.register_outputs({"vpc": vpc.id})
    pulumi.export("vpc", vpc.id)
    pulumi.export("key", config.require_secret("word"))
    pulumi.log.warn("careful")
"""


@pytest.fixture(scope="session")
def pulumi() -> str:
    """The CLI, when it can preview this provider's resources."""
    command = shutil.which("pulumi")
    if command is None:
        pytest.skip("the `pulumi` CLI is not on PATH")
    if shutil.which("pulumi-language-python") is None:
        pytest.skip("`pulumi-language-python` is not on PATH")
    listed = subprocess.run(
        [command, "plugin", "ls", "--json"], capture_output=True, text=True, check=False
    )
    plugins = json.loads(listed.stdout or "[]")
    if not any(plugin["name"] == "alicloud" for plugin in plugins):
        pytest.skip("the alicloud plugin of the `pulumi` CLI is not installed")
    return command


@pytest.fixture
def real_preview(pulumi: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Preview a project with the CLI, in a copy whose stack starts empty."""

    def run(root: Path, stack: str, secrets: dict[str, str] | None = None) -> dict[str, Any]:
        backend = tmp_path / "backend"
        backend.mkdir(exist_ok=True)
        environment = os.environ | {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "ALICLOUD_ACCESS_KEY": "placeholder",
            "ALICLOUD_SECRET_KEY": "placeholder",
        }

        def call(*arguments: str, text: str | None = None) -> str:
            done = subprocess.run(
                [pulumi, *arguments, "--non-interactive"],
                cwd=root,
                env=environment,
                input=text,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        call("stack", "init", stack)
        for key, value in (secrets or {}).items():
            call("config", "set", "--stack", stack, "--secret", key, text=value)
        document: dict[str, Any] = json.loads(call("preview", "--json", "--stack", stack))
        return document

    return run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this project as it stands, with the environment that runs these tests."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    copy = tmp_path / "checkout"
    for name in filter(None, listed.stdout.split("\0")):
        source, target = REPOSITORY / name, copy / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (copy / ".venv").symlink_to(Path(sys.prefix))
    return copy


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert comparable(ours) == comparable(theirs)
    assert ours["changeSummary"] == theirs["changeSummary"]
    assert ours["config"] == theirs["config"]
    positions = [
        {step["urn"]: step["newState"].get("sourcePosition", "").split(",")[0] for step in steps}
        for steps in (ours["steps"], theirs["steps"])
    ]
    assert positions[0] == positions[1]


async def test_every_option_of_a_resource(
    tmp_path: Path, real_preview: Callable[..., dict[str, Any]]
) -> None:
    root = tmp_path / "program"
    root.mkdir()
    (root / ".venv").symlink_to(Path(sys.prefix))
    (root / "Pulumi.yaml").write_text(
        "name: trial\nruntime: {name: python, options: {virtualenv: .venv}}\n"
        "config:\n  size: {type: integer, default: 3}\n"
    )
    (root / "Pulumi.dev.yaml").write_text(
        "config:\n  alicloud:region: cn-hangzhou\n  alicloud:accountId: '1234567890123456'\n"
        "  alicloud:accountType: Domestic\n  alicloud:skipRegionValidation: true\n"
        "  trial:group: {word: w, b: [1, 2.5, null], a: true}\n"
    )
    (root / "__main__.py").write_text(THING + textwrap.dedent(OPTIONS))

    ours = (await preview(root, "dev", secrets={"word": "hidden"})).to_json()
    theirs = real_preview(root, "dev", secrets={"word": "hidden"})

    assert_equal(ours, theirs)
    assert ours["diagnostics"] == theirs["diagnostics"]


@pytest.mark.parametrize("stack", ENVIRONMENTS)
async def test_every_environment_of_this_project(
    checkout: Path, real_preview: Callable[..., dict[str, Any]], stack: str
) -> None:
    ours = (await preview(checkout, stack)).to_json()
    theirs = real_preview(checkout, stack)

    assert_equal(ours, theirs)
    assert theirs.get("diagnostics", []) == []
    assert ours["diagnostics"] == []
