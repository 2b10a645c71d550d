"""What the local cloud has, as a document that a test keeps true."""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.cloud import Cloud
from localcloud.core.config import CloudConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULES = {
    "API Gateway": "localcloud.apigateway.service",
    "API Gateway, control plane": "localcloud.apigateway.control",
    "Resource Orchestration (ROS)": "localcloud.ros.resources",
    "Operation Orchestration (OOS)": "localcloud.oos.service",
    "Function Compute": "localcloud.fc.wire",
    "Tablestore": "localcloud.tablestore.service",
    "Object Storage (OSS)": "localcloud.oss.service",
    "EventBridge": "localcloud.eventbridge.service",
    "Message Service (MNS)": "localcloud.mns.queues",
    "Log Service (SLS)": "localcloud.sls.logs",
    "File Storage (NAS)": "localcloud.nas.storage",
    "Container Registry": "localcloud.registry.service",
    "Resource Access Management (RAM)": "localcloud.ram.ram",
}


def coverage_markdown() -> str:
    """The operations of every service and the resource types of the provider."""
    lines = [
        "# What the local cloud covers",
        "",
        "Written by `make golden` from the services themselves. What is not in this list answers",
        "with an error that names it; nothing answers as if it had been done.",
    ]
    for title, module in sorted(_MODULES.items()):
        operations: Mapping[str, str] = importlib.import_module(module).OPERATIONS
        lines += ["", f"## {title}", "", "| operation | how far |", "|---|---|"]
        lines += [
            f"| `{_cell(name)}` | {_cell(note)} |" for name, note in sorted(operations.items())
        ]
    lines += ["", "## Resource types of the provider", ""]
    lines += ["Recorded means: kept and checked, without an effect on this machine.", ""]
    lines += ["| type | how far |", "|---|---|"]
    for token, recorded in asyncio.run(_resource_types()).items():
        lines.append(f"| `{token}` | {'recorded' if recorded else 'acts on the service'} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or "complete"


async def _resource_types() -> dict[str, bool]:
    """The provider's resource types, and whether they are only recorded."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(CloudConfig(state_dir=Path(folder)), project=Path(folder))
        await cloud.start()
        types = cloud.provider.types()
        await cloud.stop()
    return types
