"""Policy packs over the Analyzer protocol, and what the command line makes of their findings."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from engine.errors import EngineError
from engine.policy import Finding
from engine.preview import PreviewFailed, preview

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACK = """
    from pulumi_policy import (
        EnforcementLevel, PolicyConfigSchema, PolicyPack, ResourceValidationPolicy, Severity,
        StackValidationPolicy,
    )

    def label(args, report):
        if args.resource_type == "test:index:Thing" and not args.props.get("label"):
            report(f"{args.name} has no label")
        if args.props.get("label") == "hunter2":
            report(f"{args.name} has a weak label, protected: {args.opts.protect}")

    def size(args, report):
        most = args.get_config()["most"]
        if args.resource_type == "test:index:Thing" and args.props.get("size", 0) > most:
            report(f"{args.name} is too big", args.urn)

    def count(args, report):
        things = [r for r in args.resources if r.resource_type == "test:index:Thing"]
        if len(things) > 2:
            report(f"{len(things)} things below {things[0].parent.name}")

    PolicyPack("house-rules", [
        ResourceValidationPolicy("label", "Things have labels.", label,
                                 enforcement_level=EnforcementLevel.MANDATORY,
                                 severity=Severity.HIGH),
        ResourceValidationPolicy("size", "Things are small.", size, config_schema=
                                 PolicyConfigSchema({"most": {"type": "integer", "default": 5}})),
        StackValidationPolicy("count", "There are few things.", count),
        ResourceValidationPolicy("off", "Never.", lambda args, report: report("!"),
                                 enforcement_level=EnforcementLevel.DISABLED),
    ])
"""

BROKEN = """
    from pulumi_policy import PolicyPack, ResourceValidationPolicy

    PolicyPack("p", [ResourceValidationPolicy("p", "d", lambda args, report: 1 / 0)])
"""


@pytest.fixture
def make_pack(tmp_path: Path) -> Callable[[str], Path]:
    def make(program: str) -> Path:
        root = tmp_path / "pack"
        root.mkdir(exist_ok=True)
        (root / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 1.2.3\n")
        (root / "__main__.py").write_text(textwrap.dedent(program))
        return root

    return make


async def test_findings_come_with_level_severity_and_resource(
    make_project: Callable[..., Path], make_pack: Callable[[str], Path]
) -> None:
    root = make_project(
        """
        a = Thing("a", label="x", size=9)
        Thing("b", ResourceOptions(protect=True), label=config.require_secret("key"))
        Thing("c", label="y", size=a.token)
        """
    )

    result = await preview(root, "dev", secrets={"key": "hunter2"}, policy_packs=[make_pack(PACK)])

    urn = "urn:pulumi:dev::trial::test:index:Thing::{}".format
    stack = "urn:pulumi:dev::trial::pulumi:pulumi:Stack::trial-dev"
    found = {(f.policy, f.level, f.severity, f.urn, f.message) for f in result.findings}
    assert ("size", "advisory", "", urn("a"), "Things are small.\na is too big") in found
    weak = "Things have labels.\nb has a weak label, protected: True"
    assert ("label", "mandatory", "high", urn("b"), weak) in found
    few = "There are few things.\n3 things below trial-dev"
    assert ("count", "advisory", "", stack, few) in found
    unknown = next(f for f in result.findings if f.urn == urn("c"))
    assert unknown.level == "advisory"
    assert "can't run policy 'size'" in unknown.message
    assert {f.pack for f in result.findings} == {"house-rules"}
    assert {f.pack_version for f in result.findings} == {"1.2.3"}
    assert len(found) == 4
    assert not result.passed

    entry = next(e for e in result.to_json()["policyDiagnostics"] if e["urn"] == urn("b"))
    assert entry == {
        "policyName": "label",
        "policyPackName": "house-rules",
        "policyPackVersion": "1.2.3",
        "description": "Things have labels.",
        "message": weak,
        "enforcementLevel": "mandatory",
        "severity": "high",
        "urn": urn("b"),
    }


async def test_advisory_findings_let_pass(
    make_project: Callable[..., Path], make_pack: Callable[[str], Path]
) -> None:
    root = make_project('Thing("a", label="x", size=9)')

    result = await preview(root, "dev", policy_packs=[make_pack(PACK)])

    assert [finding.policy for finding in result.findings] == ["size"]
    assert result.passed


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import no_such_module", "pack did not start: .*no_such_module"),
        ("print('not a port')", "did not start"),
        ("", "did not start: it printed no port"),
        (BROKEN, "the policy pack pack failed: .*division by zero"),
    ],
)
async def test_a_broken_pack_is_an_error(
    make_project: Callable[..., Path],
    make_pack: Callable[[str], Path],
    program: str,
    message: str,
) -> None:
    with pytest.raises(EngineError, match=rf"(?s){message}"):
        await preview(make_project(""), "dev", policy_packs=[make_pack(program)])


async def test_no_pack_at_all_is_an_error(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="no policy pack"):
        await preview(make_project(""), "dev", policy_packs=[tmp_path / "nowhere"])


async def test_a_failing_program_ends_its_packs(
    make_project: Callable[..., Path], make_pack: Callable[[str], Path]
) -> None:
    with pytest.raises(PreviewFailed, match="the reason"):
        await preview(
            make_project("raise ValueError('the reason')"), "dev", policy_packs=[make_pack(PACK)]
        )


def test_remediation_counts_as_mandatory() -> None:
    def finding(level: str) -> Finding:
        return Finding("p", "k", "1", "d", "m", level, "", "urn")

    assert [finding(level).mandatory for level in ("advisory", "mandatory", "remediate")] == [
        False,
        True,
        True,
    ]
