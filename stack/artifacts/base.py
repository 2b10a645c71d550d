"""Record the image that the commander's is built on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stack.artifacts.image import BASE_FILE, Base
from stack.artifacts.registry import Reference, Registry, RegistryError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RegistryError", "record_base"]
TIMEOUT_S = 60


def record_base(root: Path, text: str, *, url: str | None = None) -> Base:
    """Look an image up and write its digest, manifest and configuration to the project.

    Args:
        root: the project.
        text: full reference, with tag or digest.
        url: where its registry answers, when that is not its host.

    Raises:
        RegistryError: it is not there, or there is no linux/amd64 in it.
    """
    import httpx

    reference = Reference.parse(text)
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as http:
        registry = Registry(http, url or reference.url, reference.repository)
        digest, content = registry.manifest(reference.version)
        manifest = json.loads(content)
        if "manifests" in manifest:
            digest, content = registry.manifest(_linux_amd64(manifest, text))
            manifest = json.loads(content)
        config = json.loads(registry.blob(manifest["config"]["digest"]))
    base = Base(f"{reference.host}/{reference.repository}@{digest}", manifest, config)
    record = {"reference": base.reference, "manifest": base.manifest, "config": base.config}
    (root / BASE_FILE).write_text(
        json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    return base


def _linux_amd64(index: dict[str, Any], text: str) -> str:
    for entry in index["manifests"]:
        platform = entry.get("platform", {})
        if platform.get("os") == "linux" and platform.get("architecture") == "amd64":
            return str(entry["digest"])
    raise RegistryError(f"{text} has no image for linux/amd64, the platform of Function Compute")
