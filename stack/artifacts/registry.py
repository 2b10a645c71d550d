"""A small client of the OCI distribution API (v1.1): look, push, and copy from a base."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import httpx

MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
CHUNK = 1 << 20
LARGEST_MANIFEST = 4 << 20
CHALLENGE_PART = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(RuntimeError):
    """The registry refused, or answered what it should not."""


@dataclass(frozen=True)
class Reference:
    """Where an image is: host, repository and tag or digest."""

    host: str
    repository: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Take a full reference apart.

        Raises:
            RegistryError: there is no host in it, or no name.
        """
        host, slash, rest = text.partition("/")
        if not slash or not rest or ("." not in host and ":" not in host and host != "localhost"):
            raise RegistryError(
                f"{text!r} is no full reference: name the registry too, like "
                f"docker.io/library/python:3.12"
            )
        if "@" in rest:
            name, _, version = rest.partition("@")
        else:
            name, _, version = rest.rpartition(":") if ":" in rest else (rest, "", "latest")
        return cls(host, name.partition(":")[0], version)

    @property
    def url(self) -> str:
        """Where its registry answers. Docker Hub's name for people is not that of its registry."""
        host = "registry-1.docker.io" if self.host == "docker.io" else self.host
        loopback = host.partition(":")[0] in {"localhost", "127.0.0.1"}
        return f"{'http' if loopback else 'https'}://{host}"


@dataclass
class Registry:
    """One repository of one registry.

    Args:
        http: client to call with.
        url: where the registry answers.
        repository: path of the repository in it.
        username: for basic authentication, or for fetching a token.
        password: with it.
    """

    http: httpx.Client
    url: str
    repository: str
    username: str = ""
    password: str = field(default="", repr=False)
    _authorization: str | None = field(default=None, repr=False)

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob."""
        return self._call("HEAD", f"blobs/{digest}", allowed=(200, 404)).status_code == 200

    def has_manifest(self, version: str) -> bool:
        """Whether the repository has a manifest."""
        headers = {"accept": ", ".join(MANIFEST_TYPES)}
        return (
            self._call(
                "HEAD", f"manifests/{version}", headers=headers, allowed=(200, 404)
            ).status_code
            == 200
        )

    def manifest(self, version: str) -> tuple[str, bytes]:
        """Return the digest and the bytes of a manifest.

        Raises:
            RegistryError: its bytes do not have the digest that was asked for.
        """
        answer = self._call(
            "GET", f"manifests/{version}", headers={"accept": ", ".join(MANIFEST_TYPES)}
        )
        if len(answer.content) > LARGEST_MANIFEST:
            raise RegistryError(
                f"the manifest of {self.repository} is larger than {LARGEST_MANIFEST} bytes"
            )
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        if version.startswith("sha256:") and version != digest:
            raise RegistryError(f"{self.repository}@{version} came with another digest, {digest}")
        return digest, answer.content

    def blob(self, digest: str) -> bytes:
        """Return a small blob, such as a configuration.

        Raises:
            RegistryError: its bytes do not have that digest.
        """
        content = b"".join(self.blob_chunks(digest))
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise RegistryError(f"blob {digest} of {self.repository} came damaged")
        return content

    def blob_chunks(self, digest: str) -> Iterator[bytes]:
        """Yield a blob piece by piece; the registry that it is pushed to verifies it."""
        self._call("HEAD", f"blobs/{digest}")
        headers = {"authorization": self._authorization} if self._authorization else {}
        url = f"{self.url}/v2/{self.repository}/blobs/{digest}"
        with self.http.stream("GET", url, headers=headers, follow_redirects=True) as answer:
            if answer.status_code != 200:
                raise RegistryError(f"GET {url} answered {answer.status_code}")
            yield from answer.iter_bytes(CHUNK)

    def mount_blob(self, digest: str, source: str) -> bool:
        """Have a blob of another repository appear in this one; False where it cannot be."""
        answer = self._call(
            "POST",
            "blobs/uploads/",
            params={"mount": digest, "from": source},
            allowed=(201, 202, 400, 403, 404),
        )
        return answer.status_code == 201

    def push_blob(self, digest: str, size: int, content: bytes | Iterable[bytes]) -> None:
        """Push a blob in one piece."""
        begun = self._call("POST", "blobs/uploads/", allowed=(202,))
        location = urljoin(str(begun.request.url), begun.headers["location"])
        if urlsplit(location).netloc != urlsplit(str(begun.request.url)).netloc:
            raise RegistryError(
                f"the registry sends uploads to another host, {urlsplit(location).netloc}"
            )
        separator = "&" if "?" in location else "?"
        headers = {"content-type": "application/octet-stream", "content-length": str(size)}
        self._call(
            "PUT",
            f"{location}{separator}digest={digest}",
            content=content,
            headers=headers,
            allowed=(201,),
        )

    def push_manifest(self, version: str, media_type: str, content: bytes) -> None:
        """Push a manifest; everything that it names has to be there."""
        self._call(
            "PUT",
            f"manifests/{version}",
            content=content,
            headers={"content-type": media_type},
            allowed=(201,),
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        allowed: tuple[int, ...] = (200,),
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        import httpx

        url = path if "://" in path else f"{self.url}/v2/{self.repository}/{path}"
        try:
            answer = self._send(method, url, headers, options)
            if answer.status_code == 401 and self._answer(
                answer.headers.get("www-authenticate", "")
            ):
                answer = self._send(method, url, headers, options)
        except httpx.HTTPError as error:
            raise RegistryError(f"{method} {url}: {error or type(error).__name__}") from error
        if answer.status_code not in allowed:
            raise RegistryError(
                f"{method} {url} answered {answer.status_code}: {answer.text[:300]}"
            )
        return answer

    def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None, options: Mapping[str, Any]
    ) -> httpx.Response:
        own = {"authorization": self._authorization} if self._authorization else {}
        return self.http.request(method, url, headers={**(headers or {}), **own}, **options)

    def _answer(self, challenge: str) -> bool:
        """Take up a challenge (RFC 9110, 11.6.1); False where there is nothing to answer with."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self.username:
            self._authorization = self._basic()
            return True
        if scheme.lower() != "bearer":
            return False
        parts = dict(CHALLENGE_PART.findall(rest))
        realm = urlsplit(parts.get("realm", ""))
        if realm.scheme != "https" and realm.netloc != urlsplit(self.url).netloc:
            raise RegistryError(f"{self.url} wants credentials sent in the clear to {realm.netloc}")
        query = {"service": parts.get("service", ""), "scope": f"repository:{self.repository}:pull"}
        headers = {}
        if self.username:
            query["scope"] += ",push"
            headers["authorization"] = self._basic()
        answer = self.http.get(parts.get("realm", ""), params=query, headers=headers)
        if answer.status_code != 200:
            raise RegistryError(
                f"no token from {parts.get('realm')}: {answer.status_code} {answer.text[:200]}"
            )
        token = answer.json().get("token") or answer.json().get("access_token")
        self._authorization = f"Bearer {token}"
        return True

    def _basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
