"""The commander's image: a base by digest, and one layer with the application."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.artifacts.artifact import Artifact, digest_of
from stack.artifacts.oci import (
    CONFIG_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    Blob,
    gzip_bytes,
    json_blob,
    tar_bytes,
    write_layout,
)
from stack.artifacts.sources import source_files

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION_ROOT = "app"
BASE_FILE = Path("functions/commander/base.json")
EPOCH = "1970-01-01T00:00:00Z"
ENTRYPOINT = ["python3", "-m", "functions.commander"]
USER = "65534:65534"
"""Nobody: the commander needs no rights of its own in its container."""
ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Base:
    """The image below ours: its blobs stay in its registry, the rest is committed."""

    reference: str
    manifest: Mapping[str, Any]
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Image:
    """An image that is laid out but not yet pushed."""

    manifest: Blob
    blobs: list[Blob]
    base: Base | None

    @property
    def digest(self) -> str:
        """What a reference names it by."""
        return self.manifest.digest


def read_base(root: Path) -> Base | None:
    """Return the recorded base, or None where there is none.

    Raises:
        ValueError: the record is damaged.
    """
    path = root / BASE_FILE
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        base = Base(record["reference"], record["manifest"], record["config"])
        len(base.manifest["layers"]), len(base.config["rootfs"]["diff_ids"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{BASE_FILE} is damaged ({error!r}): write it anew with `python -m "
            f"stack.artifacts base REFERENCE`"
        ) from error
    return base


def make_image(root: Path) -> Image:
    """Lay the commander's image out in memory."""
    files = {
        f"{APPLICATION_ROOT}/{name}": content
        for name, content in source_files(root, "commander").items()
    }
    tar = tar_bytes(files)
    layer = Blob(LAYER_TYPE, gzip_bytes(tar))
    base = read_base(root)
    config = json_blob(CONFIG_TYPE, _config(base, f"sha256:{digest_of(tar)}"))
    layers = [*(base.manifest["layers"] if base else []), layer.descriptor()]
    manifest = json_blob(
        MANIFEST_TYPE,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config.descriptor(),
            "layers": layers,
        },
    )
    return Image(manifest=manifest, blobs=[config, layer], base=base)


def build_image(root: Path, out: Path) -> Artifact:
    """Write the image as an OCI layout below `out`; `Artifact` says what its size means."""
    image = make_image(root)
    folder = out / "commander-image"
    write_layout(root / folder, image.blobs, image.manifest)
    size = sum(len(blob.content) for blob in [*image.blobs, image.manifest])
    sha256 = image.digest.removeprefix("sha256:")
    return Artifact(
        name="commander", kind="image", path=folder.as_posix(), bytes=size, sha256=sha256
    )


def _config(base: Base | None, diff_id: str) -> dict[str, Any]:
    below: Mapping[str, Any] = base.config if base else {}
    inherited: Mapping[str, Any] = below.get("config", {})
    environment = {
        **dict(item.split("=", 1) for item in inherited.get("Env", [])),
        **ENVIRONMENT,
    }
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": {
            **{key: value for key, value in inherited.items() if key not in {"Cmd", "Healthcheck"}},
            "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
            "Entrypoint": ENTRYPOINT,
            "User": USER,
            "WorkingDir": f"/{APPLICATION_ROOT}",
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [*below.get("rootfs", {}).get("diff_ids", []), diff_id],
        },
        "history": [
            *below.get("history", []),
            {"created": EPOCH, "created_by": "agent-commander: the application"},
        ],
    }
