"""``python -m engine preview``, as people and scripts call it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_tree_for_people(make_project: Callable[..., Path]) -> None:
    root = make_project(
        """
        group = Group("group")
        secret = pulumi.Output.secret("s3")
        Thing("[b]inner", ResourceOptions(parent=group, protect=True), key=secret)
        print("hello")
        """
    )

    done = run("preview", "--stack", "dev", "--cwd", root)

    assert done.returncode == 0
    assert done.stderr == ""
    assert "+ group test:index:Group" in done.stdout
    assert "+ [b]inner test:index:Thing (protected)" in done.stdout
    assert "program: hello" in done.stdout
    assert "3 to create in" in done.stdout
    assert "\x1b" not in done.stdout
    assert "s3" not in done.stdout


def test_json_is_the_same_every_time(make_project: Callable[..., Path]) -> None:
    root = make_project("for n in range(5):\n    Thing(f't{n}', b=1, a={'y': 1, 'x': 2})\n")

    outputs = []
    for _ in range(2):
        done = run("preview", "--stack", "dev", "--cwd", root, "--json")
        document = json.loads(done.stdout)
        duration = document.pop("duration")
        assert duration > 0
        outputs.append(done.stdout.replace(str(duration), "0"))

    assert outputs[0] == outputs[1]
    assert document["changeSummary"] == {"create": 6}


def test_a_failing_program(make_project: Callable[..., Path]) -> None:
    root = make_project("Thing('a')\nraise ValueError('the reason')")

    plain = run("preview", "--stack", "dev", "--cwd", root)
    as_json = run("preview", "--stack", "dev", "--cwd", root, "--json")

    assert plain.returncode == as_json.returncode == 1
    for done in (plain, as_json):
        assert done.stderr.startswith("error: Program failed with an unhandled exception:")
        assert done.stderr.rstrip().endswith("ValueError: the reason")
        assert "engine/" not in done.stderr
    assert plain.stdout == ""
    messages = json.loads(as_json.stdout)["diagnostics"]
    assert [entry["severity"] for entry in messages] == ["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stack", "nowhere"], "error: no stack named 'nowhere'"),
        (["--stack", "dev", "--cwd", "/"], "error: no Pulumi project here"),
        (["--stack", "dev", "--policy-pack", "/"], "error: no policy pack"),
    ],
)
def test_bad_calls_have_one_message(
    make_project: Callable[..., Path], arguments: list[str], message: str
) -> None:
    done = run("preview", "--cwd", make_project(""), *arguments)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_killed_it_leaves_no_process(make_project: Callable[..., Path], tmp_path: Path) -> None:
    program = """
        import os, time
        with open("pid.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename("pid.new", "pid")
        time.sleep(60)
    """
    root = make_project(program)
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (pack / "__main__.py").write_text(textwrap.dedent(program))
    command = [sys.executable, "-m", "engine", "preview", "--stack", "dev", "--cwd", root]

    with subprocess.Popen([*command, "--policy-pack", pack], cwd=REPOSITORY) as engine:
        pids = [_pid(root / "pid"), _pid(pack / "pid")]
        engine.kill()

    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(timeout=20)


def _pid(path: Path) -> int:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def test_a_mandatory_finding_fails_the_command(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (pack / "__main__.py").write_text(
        "from pulumi_policy import *\n"
        "PolicyPack('p', [StackValidationPolicy('never', 'Never.', lambda a, r: r('no'))],\n"
        "           enforcement_level=EnforcementLevel.MANDATORY)\n"
    )
    root = make_project("Thing('a')")

    plain = run("preview", "--stack", "dev", "--cwd", root, "--policy-pack", pack)
    as_json = run("preview", "--stack", "dev", "--cwd", root, "--policy-pack", pack, "--json")

    assert plain.returncode == as_json.returncode == 1
    assert "mandatory never (trial-dev): Never. no" in plain.stdout
    assert plain.stderr == "error: a mandatory policy is violated\n"
    assert json.loads(as_json.stdout)["policyDiagnostics"][0]["policyName"] == "never"
