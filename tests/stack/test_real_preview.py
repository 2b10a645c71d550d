"""The real `pulumi preview` of every environment and of the variants: no error, no warning.

They need the CLI and the alicloud plugin; nothing is asked of a cloud.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.test_components import EXISTING, WARM
from tests.stack.world import JWKS, PROJECT

pytestmark = [
    pytest.mark.cli,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="the `pulumi` CLI is not on PATH"),
]

ALICLOUD = {
    "alicloud:region": "cn-hangzhou",
    "alicloud:accountId": "1234567890123456",
    "alicloud:accountType": "Domestic",
    "alicloud:skipRegionValidation": "true",
}
REPOSITORY = {"repository": "registry.example.com/agent/commander"}
VARIANTS: dict[str, dict[str, Any]] = {
    "newvpc": {"image": REPOSITORY, "network": {"egress": "nat"}},
    "newacr": {"image": {"new_registry": {"name": "agents"}}, "network": {"egress": "none"}},
    "oldvpc": {"image": REPOSITORY, "network": {"existing": EXISTING}},
    "public": {"image": REPOSITORY, "session_store": {"public_access": True}},
    "warm": {
        "image": REPOSITORY,
        "commander": {"provisioned": WARM, "reserved_concurrency": 5},
        "model": {"base_url": "https://model.example.com/v1", "name": "small"},
    },
}
ENVIRONMENTS = ("dev", "staging", "prod")
SECRET = "sk-0123456789abcdef0123"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as a clone has it, with this environment's packages."""
    root = tmp_path / "checkout"
    root.mkdir()
    for folder in ("stack", "functions", "config", "policies"):
        shutil.copytree(
            PROJECT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for path in (PROJECT / "__main__.py", *PROJECT.glob("Pulumi*.yaml")):
        shutil.copy(path, root)
    (root / ".venv").symlink_to(PROJECT / ".venv")
    return root


def run(root: Path, *arguments: str, text: str | None = None) -> str:
    backend = root.parent / "backend"
    backend.mkdir(exist_ok=True)
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=root,
        env={
            **os.environ,
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "ALICLOUD_ACCESS_KEY": "placeholder",
            "ALICLOUD_SECRET_KEY": "placeholder",
        },
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def preview(root: Path, stack: str) -> dict[str, Any]:
    text = run(root, "preview", "--json", "--stack", stack)
    assert SECRET not in text
    document: dict[str, Any] = json.loads(text)
    plugin = "using pulumi-resource-alicloud from $PATH"
    said = [each["message"] for each in document.get("diagnostics") or []]
    assert not [message for message in said if plugin not in message]
    return document


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_previews_without_a_word(checkout: Path, environment: str) -> None:
    run(checkout, "stack", "init", environment)
    assert set(preview(checkout, environment)["changeSummary"]) == {"create"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_previews_without_a_word(checkout: Path, variant: str) -> None:
    groups = {**VARIANTS[variant], "gateway": {"jwks": JWKS}}
    config = {**ALICLOUD, **{f"agent-commander:{name}": group for name, group in groups.items()}}
    (checkout / f"Pulumi.{variant}.yaml").write_text(yaml.safe_dump({"config": config}))
    run(checkout, "stack", "init", variant)
    if "model" in groups:
        run(checkout, "config", "set", "--stack", variant, "--secret", "model_key", text=SECRET)
    assert set(preview(checkout, variant)["changeSummary"]) == {"create"}
