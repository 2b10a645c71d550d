"""What the populator is asked for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from functions.common.oss import checked_name

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIRECTORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)


class BadJob(ValueError):
    """The payload is not one; the text names the field and the rule."""


@dataclass(frozen=True)
class Job:
    """One bundle.

    Attributes:
        bucket: where it is.
        key: its object.
        sha256: digest of the object, in hex.
        directory: one name, below the root of the share.
    """

    bucket: str
    key: str
    sha256: str
    directory: str


def read_job(event: bytes | str) -> Job:
    """Read the payload `{bucket, key, sha256, directory}`.

    A directory may begin with a slash, as the path of a mount does.

    Raises:
        BadJob: it is wrong.
    """
    try:
        document = json.loads(event)
    except ValueError as error:
        raise BadJob("the payload must be JSON") from error
    if not isinstance(document, dict):
        raise BadJob("the payload must be a JSON object")
    values = {name: document.get(name) for name in ("bucket", "key", "sha256", "directory")}
    for name, value in values.items():
        if not isinstance(value, str):
            raise BadJob(f"{name}: must be a text")
    job = Job(**{name: str(value) for name, value in values.items()})
    job = Job(job.bucket, job.key, job.sha256, job.directory.strip("/"))
    if not _BUCKET.fullmatch(job.bucket):
        raise BadJob("bucket: must be the name of a bucket")
    if not _DIGEST.fullmatch(job.sha256):
        raise BadJob("sha256: must be 64 hex digits in lower case")
    if not _DIRECTORY.fullmatch(job.directory):
        raise BadJob("directory: must be one name of letters, digits, - and _")
    try:
        checked_name(job.key)
    except ValueError as error:
        raise BadJob(f"key: {error}") from error
    return job
