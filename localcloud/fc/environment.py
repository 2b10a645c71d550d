"""The environment variables of an instance, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localcloud.core.config import CloudConfig
    from localcloud.fc.model import Spec


def variables_of(
    spec: Spec, config: CloudConfig, *, instance_id: str, code: Path, temporary: Path
) -> dict[str, str]:
    """The platform's own variables, and the few that any process needs.

    Args:
        spec: the function.
        config: account and region.
        instance_id: of the instance.
        code: where its code lies.
        temporary: the instance's own folder.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "FC_ACCOUNT_ID": config.account_id,
        "FC_REGION": config.region,
        "FC_FUNCTION_NAME": spec.name,
        "FC_FUNCTION_HANDLER": spec.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "FC_INSTANCE_ID": instance_id,
        "FC_QUALIFIER": "LATEST",
        "FC_FUNC_CODE_PATH": str(code),
    }


def rewrite_mounts(variables: Mapping[str, str], mounts: Mapping[str, Path]) -> dict[str, str]:
    """Have variables point at the folders that mounts are here.

    A process of this machine has no mounts of its own. A value that is a mount directory or a path
    below one, also as part of a list separated by colons, is rewritten; a path that a program
    builds without a variable does not exist.

    Args:
        variables: of the function.
        mounts: folder by mount directory.
    """
    ordered = sorted(mounts, key=len, reverse=True)

    def rewrite(part: str) -> str:
        for directory in ordered:
            if part == directory or part.startswith(f"{directory}/"):
                return f"{mounts[directory]}{part[len(directory) :]}"
        return part

    return {
        name: ":".join(rewrite(part) for part in value.split(":"))
        for name, value in variables.items()
    }
