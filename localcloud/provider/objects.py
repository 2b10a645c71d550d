"""``oss.*`` on the local object storage. Ids and outputs as the Terraform provider's [S]."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engine.provider import Created
from localcloud.core.errors import CloudError, NotSupported
from localcloud.oss.model import Expiration
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.oss.store import ObjectStore


class Bucket(Handler):
    """``oss.Bucket``: the id is its name. Tags are recorded; every bucket is private."""

    identity = ("bucket",)

    def __init__(self, oss: ObjectStore) -> None:
        self._oss = oss

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        try:
            return self._oss.bucket(str(inputs.get("bucket"))).name
        except CloudError:
            return None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create, or change the rules."""
        name = id_ or str(required(inputs, "bucket"))
        encryption = (inputs.get("serverSideEncryptionRule") or {}).get("sseAlgorithm")
        self._oss.create_bucket(name, expirations=_expirations(name, inputs), encryption=encryption)
        return Created(name, inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete; with what is in it only where ``forceDestroy`` says so."""
        self._oss.delete_bucket(id_, force=bool(outputs.get("forceDestroy")))


class BucketSetting(Handler):
    """A setting that says what a local bucket is anyway: private. Another value is refused.

    Args:
        oss: the buckets.
        name: of the input.
        value: the one that it may have.
    """

    identity = ("bucket",)
    recorded = True

    def __init__(self, oss: ObjectStore, name: str, value: Any) -> None:
        self._oss = oss
        self._name = name
        self._value = value

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Check bucket and value."""
        bucket = str(required(inputs, "bucket"))
        self._oss.bucket(bucket)
        if inputs.get(self._name) != self._value:
            raise NotSupported("oss", f"{self._name} {inputs.get(self._name)!r} of a bucket")
        return Created(id_ or bucket, inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Nothing is kept."""


class BucketObject(Handler):
    """``oss.BucketObject``: the id is its key. A local file is read below the project.

    Writing over an object that is there is what the cloud does too.
    """

    def __init__(self, oss: ObjectStore, project: Path) -> None:
        self._oss = oss
        self._project = project

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Write."""
        bucket, key = str(required(inputs, "bucket")), id_ or str(required(inputs, "key"))
        kind = str(inputs.get("contentType") or "application/octet-stream")
        made = await asyncio.to_thread(
            self._oss.put_object, bucket, key, self._content(inputs), kind
        )
        outputs = {"etag": made.etag.strip('"'), "contentLength": str(made.size)}
        return Created(key, {**inputs, **outputs})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        self._oss.delete(str(outputs["bucket"]), id_)

    def _content(self, inputs: Inputs) -> bytes | Path:
        source, content = inputs.get("source"), inputs.get("content")
        if (source is None) == (content is None):
            raise CloudError(400, "InvalidArgument", "one of source and content is required")
        if content is not None:
            return str(content).encode()
        path = self._project / str(source)
        if not path.is_file():
            raise CloudError(400, "InvalidArgument", f"source {source}: there is no such file")
        return path


def object_handlers(oss: ObjectStore, project: Path) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:oss/bucket:Bucket": Bucket(oss),
        "alicloud:oss/bucketAcl:BucketAcl": BucketSetting(oss, "acl", "private"),
        "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock": BucketSetting(
            oss, "blockPublicAccess", value=True
        ),
        "alicloud:oss/bucketObject:BucketObject": BucketObject(oss, project),
    }


def _expirations(bucket: str, inputs: Inputs) -> list[Expiration]:
    """Lifecycle rules that delete objects by age; rules for unfinished uploads are left out."""
    found = []
    for rule in inputs.get("lifecycleRules") or []:
        if not rule.get("enabled"):
            continue
        for expiration in rule.get("expirations") or []:
            if "days" not in expiration:
                raise NotSupported("oss", f"a lifecycle rule of {bucket} without days")
            found.append(Expiration(str(rule.get("prefix") or ""), int(expiration["days"])))
    return found
