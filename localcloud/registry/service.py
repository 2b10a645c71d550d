"""The OCI distribution API (v1.1) over the image store."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, JSONResponse, Response

from localcloud.core.errors import CloudError, NotSupported
from localcloud.registry.store import (
    DIGEST,
    LARGEST_BLOB,
    LARGEST_MANIFEST,
    REPOSITORY,
    TAG,
    ImageStore,
    RegistryError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from localcloud.core.config import CloudConfig
    from localcloud.ram import Ram

OPERATIONS = {
    "GET /v2/": "version check",
    "POST /v2/<name>/blobs/uploads/": "begin; at once with ?digest=; mount with ?mount=&from=",
    "GET|PATCH|PUT|DELETE /v2/<name>/blobs/uploads/<id>": "chunks in order, finish, cancel",
    "HEAD|GET /v2/<name>/blobs/<digest>": "with ranges",
    "HEAD|GET|PUT /v2/<name>/manifests/<reference>": "by tag and by digest",
    "GET /v2/<name>/tags/list": "?n= and ?last=",
}
_ROUTE = re.compile(
    r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests|tags)(?:/(?P<rest>[^/]*))?"
)
_VERSION = {"docker-distribution-api-version": "registry/2.0"}


class Registry:
    """Container Registry: `images` is the domain, the rest speaks HTTP.

    Callers log in with the administrator's access key as user and password (Basic). There are no
    temporary logins: Function Compute reads images by domain call.

    Args:
        config: account, region and state directory.
        ram: knows the access keys.
    """

    name = "registry"

    def __init__(self, config: CloudConfig, ram: Ram) -> None:
        self._ram = ram
        self.images = ImageStore(config)

    def recognises(self, request: Request) -> bool:
        """Everything below /v2/."""
        return request.url.path == "/v2" or request.url.path.startswith("/v2/")

    async def handle(self, request: Request) -> Response:
        """Answer; errors in the specification's form."""
        try:
            return await self._answer(request)
        except CloudError as error:
            headers = dict(_VERSION)
            if error.status == 401:
                headers["www-authenticate"] = 'Basic realm="local container registry"'
            body = {"errors": [{"code": error.code, "message": error.message, "detail": None}]}
            return JSONResponse(body, error.status, headers)

    async def start(self) -> None:
        """Nothing runs before the first request."""

    async def stop(self) -> None:
        """Close the files."""
        self.images.close()

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path in ("/v2", "/v2/"):
            self._authenticate(request)
            return JSONResponse({}, headers=_VERSION)
        match = _ROUTE.fullmatch(path)
        if match is None:
            raise NotSupported("registry", f"{request.method} {path}")
        name, kind, rest = match["name"], match["kind"], match["rest"] or ""
        if not REPOSITORY.fullmatch(name):
            raise RegistryError(400, "NAME_INVALID", f"{name!r} is no repository name")
        self._authenticate(request)
        match (request.method, kind):
            case (("GET" | "HEAD"), "blobs"):
                return self._blob(name, rest)
            case ("POST", "blobs/uploads"):
                return await self._begin(request, name)
            case (("GET" | "PATCH" | "PUT" | "DELETE"), "blobs/uploads") if rest:
                return await self._continue(request, name, rest)
            case (("GET" | "HEAD"), "manifests"):
                return self._manifest(name, rest)
            case ("PUT", "manifests"):
                return await self._put_manifest(request, name, rest)
            case ("GET", "tags") if rest == "list":
                return self._tags(request, name)
        raise NotSupported("registry", f"{request.method} /v2/<name>/{kind}")

    def _authenticate(self, request: Request) -> None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise RegistryError(401, "UNAUTHORIZED", "log in with an access key (Basic)")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise RegistryError(401, "UNAUTHORIZED", "these are no Basic credentials") from None
        keys = self._ram.administrator
        wanted = f"{keys.access_key_id}:{keys.access_key_secret}".encode()
        if not hmac.compare_digest(given, wanted):
            raise RegistryError(401, "UNAUTHORIZED", "unknown access key, or wrong secret")

    def _blob(self, name: str, digest: str) -> Response:
        if not DIGEST.fullmatch(digest):
            raise RegistryError(400, "DIGEST_INVALID", f"{digest!r} is no sha256 digest")
        path = self.images.blob(name, digest)
        if path is None:
            raise RegistryError(404, "BLOB_UNKNOWN", f"{name} has no blob {digest}")
        headers = {**_VERSION, "docker-content-digest": digest}
        return FileResponse(path, media_type="application/octet-stream", headers=headers)

    async def _begin(self, request: Request, name: str) -> Response:
        query = request.query_params
        if "mount" in query and DIGEST.fullmatch(query["mount"]):
            source = query.get("from", "")
            if REPOSITORY.fullmatch(source) and self.images.mount(name, query["mount"], source):
                return _created(f"/v2/{name}/blobs/{query['mount']}", query["mount"])
        id_ = self.images.begin()
        if "digest" in query:
            return await self._finish(request, name, id_, query["digest"])
        return self._progress(name, id_, 202)

    async def _continue(self, request: Request, name: str, id_: str) -> Response:
        path = self.images.upload(id_)
        match request.method:
            case "GET":
                return self._progress(name, id_, 204)
            case "DELETE":
                self.images.cancel(id_)
                return Response(status_code=204, headers=_VERSION)
            case "PATCH":
                await _append(request, path)
                return self._progress(name, id_, 202)
        return await self._finish(request, name, id_, request.query_params.get("digest", ""))

    async def _finish(self, request: Request, name: str, id_: str, digest: str) -> Response:
        if not DIGEST.fullmatch(digest):
            raise RegistryError(400, "DIGEST_INVALID", f"{digest!r} is no sha256 digest")
        await _append(request, self.images.upload(id_))
        self.images.finish(name, id_, digest)
        return _created(f"/v2/{name}/blobs/{digest}", digest)

    def _progress(self, name: str, id_: str, status: int) -> Response:
        size = self.images.upload(id_).stat().st_size
        headers = {
            **_VERSION,
            "location": f"/v2/{name}/blobs/uploads/{id_}",
            "range": f"0-{max(size - 1, 0)}",
            "docker-upload-uuid": id_,
        }
        return Response(status_code=status, headers=headers)

    def _manifest(self, name: str, reference: str) -> Response:
        _check_reference(reference)
        found = self.images.manifest(name, reference)
        if found is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"{name} has no manifest {reference}")
        headers = {**_VERSION, "docker-content-digest": found.digest}
        return Response(found.content, headers=headers, media_type=found.media_type)

    async def _put_manifest(self, request: Request, name: str, reference: str) -> Response:
        _check_reference(reference)
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST_MANIFEST:
                raise RegistryError(
                    413, "SIZE_INVALID", f"a manifest: at most {LARGEST_MANIFEST} bytes"
                )
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        digest = self.images.put_manifest(name, reference, media_type, bytes(content))
        return _created(f"/v2/{name}/manifests/{digest}", digest)

    def _tags(self, request: Request, name: str) -> Response:
        tags = self.images.tags(name)
        if tags is None:
            raise RegistryError(404, "NAME_UNKNOWN", f"there is no repository {name}")
        last, limit = request.query_params.get("last", ""), request.query_params.get("n", "")
        tags = [tag for tag in tags if tag > last]
        if limit.isdecimal():
            tags = tags[: int(limit)]
        return JSONResponse({"name": name, "tags": tags}, headers=_VERSION)


async def _append(request: Request, path: Path) -> None:
    """Append the body; a chunk has to begin where the last one ended."""
    size = path.stat().st_size
    begin = re.match(r"(?:bytes )?(\d+)-", request.headers.get("content-range", ""))
    if begin and int(begin[1]) != size:
        raise RegistryError(
            416, "BLOB_UPLOAD_INVALID", f"the upload has {size} bytes, not {begin[1]}"
        )
    with path.open("ab") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > LARGEST_BLOB:
                raise RegistryError(413, "SIZE_INVALID", f"a blob: at most {LARGEST_BLOB} bytes")
            file.write(chunk)


def _created(location: str, digest: str) -> Response:
    headers = {**_VERSION, "location": location, "docker-content-digest": digest}
    return Response(status_code=201, headers=headers)


def _check_reference(reference: str) -> None:
    if not DIGEST.fullmatch(reference) and not TAG.fullmatch(reference):
        raise RegistryError(400, "MANIFEST_INVALID", f"{reference!r} is no tag and no digest")
