"""The pack as Pulumi's own protocol sees it, over the plan of our own program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.adapter import plain
from policies.rules.model import UNKNOWN

PROJECT = Path(__file__).parents[2]


def findings(stack: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "engine",
            "preview",
            "--stack",
            stack,
            "--json",
            "--policy-pack",
            "policies",
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)["policyDiagnostics"]
    return found


def test_our_own_stack_is_compliant_and_what_is_unknown_is_said() -> None:
    found = findings("prod")
    assert {each["policyName"] for each in found} == {"unknown-at-preview"}
    assert {each["enforcementLevel"] for each in found} == {"advisory"}
    messages = [each["message"] for each in found]
    assert any("ram-no-wildcards: policyDocument is not known" in text for text in messages)


def test_what_is_behind_a_proxy_is_plain() -> None:
    proxied = unknown_checking_proxy(
        {"a": {"b": [1, UNKNOWN_STRING_VALUE, {"c": "x"}]}, "d": UNKNOWN_STRING_VALUE, "e": None}
    )
    assert plain(proxied) == {"a": {"b": [1, UNKNOWN, {"c": "x"}]}, "d": UNKNOWN, "e": None}
