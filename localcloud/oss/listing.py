"""ListObjectsV2."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from localcloud.core.errors import CloudError
from localcloud.oss.answers import document, encoded, xml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from localcloud.oss.model import StoredObject
    from localcloud.oss.store import ObjectStore

LIMIT = 1000
_BATCH = 1001


@dataclass
class _Page:
    """Objects and common prefixes, in one order.

    Attributes:
        after: the last name that was looked at; what comes next lies behind it.
    """

    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    after: str = ""
    truncated: bool = False


def list_objects(store: ObjectStore, bucket: str, given: Mapping[str, str]) -> Response:
    """Answer a list.

    Raises:
        CloudError: there is no such bucket, or a parameter is malformed.
    """
    text = given.get("max-keys", "100")
    if not text.isdecimal() or not 1 <= int(text) <= LIMIT:
        raise CloudError(400, "InvalidArgument", f"max-keys is 1 to {LIMIT}")
    encoding = given.get("encoding-type")
    if encoding not in (None, "", "url"):
        raise CloudError(400, "InvalidArgument", f"encoding-type {encoding[:16]!r}: url")
    prefix, delimiter = given.get("prefix", ""), given.get("delimiter", "")
    token = given.get("continuation-token", "")
    page = _Page(after=_after(token) if token else given.get("start-after", ""))
    _fill(page, store, bucket, (prefix, delimiter), int(text))
    return _answer(page, bucket, given, url=encoding == "url")


def _fill(
    page: _Page, store: ObjectStore, bucket: str, wanted: tuple[str, str], limit: int
) -> None:
    prefix, delimiter = wanted
    while True:
        batch = store.list(bucket, prefix, after=page.after, limit=_BATCH)
        for found in batch:
            cut = found.key.find(delimiter, len(prefix)) if delimiter else -1
            common = found.key[: cut + len(delimiter)] if cut >= 0 else None
            # Said already, on this page or on the one before, which ended within it.
            if common is not None and page.after.startswith(common):
                page.after = found.key
                continue
            if len(page.objects) + len(page.prefixes) == limit:
                page.truncated = True
                return
            if common is None:
                page.objects.append(found)
            else:
                page.prefixes.append(common)
            page.after = found.key
        if len(batch) < _BATCH:
            return


def _answer(page: _Page, bucket: str, given: Mapping[str, str], *, url: bool) -> Response:
    count = len(page.objects) + len(page.prefixes)
    fields = [("Name", bucket)]
    for tag, name in (
        ("Prefix", "prefix"),
        ("StartAfter", "start-after"),
        ("Delimiter", "delimiter"),
    ):
        fields.append((tag, encoded(given.get(name, ""), url=url)))
    fields += [
        ("MaxKeys", given.get("max-keys", "100")),
        ("KeyCount", str(count)),
        ("IsTruncated", "true" if page.truncated else "false"),
    ]
    if url:
        fields.append(("EncodingType", "url"))
    if given.get("continuation-token"):
        fields.append(("ContinuationToken", given["continuation-token"]))
    if page.truncated:
        fields.append(("NextContinuationToken", _token(page.after)))
    root = document("ListBucketResult", fields)
    for found in page.objects:
        modified = found.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        entry = document(
            "Contents",
            (
                ("Key", encoded(found.key, url=url)),
                ("LastModified", modified),
                ("ETag", found.etag),
                ("Type", "Multipart" if "-" in found.tag else "Normal"),
                ("Size", str(found.size)),
                ("StorageClass", "Standard"),
            ),
        )
        root.append(entry)
    for common in page.prefixes:
        ET.SubElement(ET.SubElement(root, "CommonPrefixes"), "Prefix").text = encoded(
            common, url=url
        )
    return xml(root)


def _token(after: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode()


def _after(token: str) -> str:
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, str):
        raise CloudError(400, "InvalidArgument", "the continuation-token is none of ours")
    return found
