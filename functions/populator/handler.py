"""Entry points of the function."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from functions.common.credentials import LatestCredentials, NoCredentials, from_context
from functions.common.logs import Log
from functions.common.oss import OssBucket
from functions.common.settings import read_settings
from functions.populator.job import read_job
from functions.populator.settings import Settings
from functions.populator.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from functions.populator.job import Job

_credentials = LatestCredentials()
_log = Log("populator")


def initializer(context: Any) -> None:
    """Read the settings, so that a wrong deployment fails here. Credentials may come later."""
    try:
        _credentials.renew(from_context(context))
    except NoCredentials:
        _log.info("initialized_without_credentials")
    read_settings(Settings, os.environ)


def handler(event: bytes | str, context: Any) -> bytes:
    """Put one bundle onto the share; gives `{directory, sha256, bytes, created}`.

    Raises:
        BadJob: the payload is wrong.
        BadBundle: the object or the directory is not what it should be.
        ObjectError, HttpError, OSError: object storage or share failed; try again.
    """
    _credentials.renew(from_context(context))
    settings = read_settings(Settings, os.environ)

    def stream(job: Job) -> Iterator[bytes]:
        bucket = OssBucket(settings.oss_endpoint, job.bucket, settings.fc_region, _credentials)
        return bucket.stream(job.key)

    return json.dumps(populate(read_job(event), Share(settings.share_root), stream)).encode()


def populate(job: Job, share: Share, stream: Callable[[Job], Iterator[bytes]]) -> dict[str, Any]:
    """Do a job, or find that it is done.

    Args:
        job: what to do.
        share: where to.
        stream: reads the object.
    """
    left_over = share.clean()
    said = share.found(job)
    if said is None:
        size, created = share.write(job, stream(job))
    else:
        size, created = int(str(said["bytes"])), False
    _log.info(
        "populated", directory=job.directory, bytes=size, created=created, left_over=left_over
    )
    return {
        "directory": job.directory,
        "sha256": job.sha256,
        "bytes": size,
        "created": created,
    }
