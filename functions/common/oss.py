"""Objects of one OSS bucket: signature version 4 (OSS4-HMAC-SHA256), compared with the SDK's."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from functions.common.http import AnswerTooLarge, HttpPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from functions.common.credentials import Credentials, CredentialSource
    from functions.common.http import Answer

ALGORITHM = "OSS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
OBJECT_BYTES = 64 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9!_.\-=]+(?:/[A-Za-z0-9!_.\-=]+)*", re.ASCII)
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")


class ObjectError(Exception):
    """The service refused an operation.

    Attributes:
        status: HTTP status.
        code: the service's error code.
    """

    def __init__(self, operation: str, status: int, code: str) -> None:
        super().__init__(f"{operation}: {status} {code}")
        self.status = status
        self.code = code


class ObjectTooLarge(ValueError):
    """The object has more bytes than the caller wants."""


class OssBucket:
    """One bucket; safe to use from several threads.

    Args:
        endpoint: `http(s)://host[:port]`; with an IP address the bucket goes into the path.
        bucket: its name.
        region: `cn-hangzhou` for example; it is part of the signature.
        credentials: asked at every request.
        now: Unix seconds.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        region: str,
        credentials: CredentialSource,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._origin, self._prefix = _place(endpoint, bucket)
        self._pool = HttpPool(self._origin)
        self._bucket = bucket
        self._region = region
        self._credentials = credentials
        self._now = now

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object, over one that may be there.

        Raises:
            ValueError: the key is no name that is used here.
            ObjectError: the service refused.
            HttpError: it was not reached.
        """
        self._put(key, data, content_type, {})

    def put_if_absent(
        self, key: str, data: bytes, content_type: str = "application/octet-stream"
    ) -> None:
        """Write an object unless one of that key exists; errors are those of `put`."""
        try:
            self._put(key, data, content_type, {"x-oss-forbid-overwrite": "true"})
        except ObjectError as error:
            if error.code != "FileAlreadyExists":
                raise

    def get(self, key: str, max_bytes: int = OBJECT_BYTES) -> bytes | None:
        """Read an object; `None` if there is none.

        Raises:
            ObjectTooLarge: it has more than `max_bytes`.
            ValueError, ObjectError, HttpError: as `put`.
        """
        try:
            answer = self._request("GET", key, {}, max_bytes=max_bytes)
        except AnswerTooLarge as error:
            raise ObjectTooLarge(f"object {key}: {error}") from error
        if answer.status == 404 and _code(answer.body) == "NoSuchKey":
            return None
        _check("GetObject", answer)
        return answer.body

    def stream(self, key: str) -> Iterator[bytes]:
        """Read an object in chunks.

        Raises:
            ValueError, ObjectError, HttpError: as `put`.
        """
        headers = self._sign("GET", key, {})
        status, _, chunks = self._pool.stream("GET", self._target(key), headers=headers)
        if status != 200:
            body = b"".join(chunk[:4096] for chunk in chunks)
            raise ObjectError("GetObject", status, _code(body))
        return chunks

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        answer = self._request("DELETE", key, {})
        if answer.status != 404:
            _check("DeleteObject", answer)

    def link(self, key: str, *, expires_s: int) -> str:
        """A URL that reads the object for `expires_s` seconds, or until the credentials end."""
        credentials = self._credentials()
        stamp = _stamp(self._now())
        scope = self._scope(stamp)
        query = {
            "x-oss-credential": f"{credentials.access_key_id}/{scope}",
            "x-oss-date": stamp,
            "x-oss-expires": str(expires_s),
            "x-oss-signature-version": ALGORITHM,
        }
        if credentials.security_token:
            query["x-oss-security-token"] = credentials.security_token
        encoded = "&".join(
            f"{name}={quote(value, safe='')}" for name, value in sorted(query.items())
        )
        signature = self._signature("GET", key, encoded, {}, UNSIGNED, stamp, credentials)
        return f"{self._origin}{self._target(key)}?{encoded}&x-oss-signature={signature}"

    def _put(self, key: str, data: bytes, content_type: str, extra: Mapping[str, str]) -> None:
        headers = {"content-type": content_type, **extra}
        _check("PutObject", self._request("PUT", key, headers, body=data))

    def _request(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str],
        *,
        body: bytes = b"",
        max_bytes: int = OBJECT_BYTES,
    ) -> Answer:
        # Objects are named by their content or written once: twice does no harm.
        return self._pool.request(
            method,
            self._target(key),
            headers=self._sign(method, key, headers),
            body=body,
            repeatable=True,
            max_bytes=max_bytes,
        )

    def _target(self, key: str) -> str:
        return f"{self._prefix}/{quote(checked_name(key), safe='/')}"

    def _sign(self, method: str, key: str, headers: Mapping[str, str]) -> dict[str, str]:
        credentials = self._credentials()
        stamp = _stamp(self._now())
        signed = {**headers, "x-oss-date": stamp, "x-oss-content-sha256": UNSIGNED}
        if credentials.security_token:
            signed["x-oss-security-token"] = credentials.security_token
        signature = self._signature(method, key, "", signed, UNSIGNED, stamp, credentials)
        signed["authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key_id}/{self._scope(stamp)},"
            f"Signature={signature}"
        )
        return signed

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self._region}/oss/aliyun_v4_request"

    def _signature(
        self,
        method: str,
        key: str,
        query: str,
        headers: Mapping[str, str],
        payload: str,
        stamp: str,
        credentials: Credentials,
    ) -> str:
        path = quote(f"/{self._bucket}/{key}", safe="/")
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n\n{payload}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{ALGORITHM}\n{stamp}\n{self._scope(stamp)}\n{digest}"
        signing = f"aliyun_v4{credentials.access_key_secret}".encode()
        for part in (stamp[:8], self._region, "oss", "aliyun_v4_request"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        return hmac.digest(signing, text.encode(), "sha256").hex()


def checked_name(key: str) -> str:
    """An object's name, if it is one of ours: plain segments, none of them `.` or `..`.

    Raises:
        ValueError: it is not.
    """
    parts = key.split("/")
    if len(key) > 1023 or not _NAME.fullmatch(key) or any(set(part) == {"."} for part in parts):
        raise ValueError(f"object name {key[:80]!r}: plain segments of letters, digits and -_.!=")
    return key


def _place(endpoint: str, bucket: str) -> tuple[str, str]:
    """Origin of the requests, and what comes before the key in their path."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket):
        raise ValueError(f"bucket name {bucket!r}: 3 to 63 lower-case letters, digits and dashes")
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host != "localhost":
            return f"{parts.scheme}://{bucket}.{parts.netloc}", ""
    return f"{parts.scheme}://{parts.netloc}", f"/{bucket}"


def _stamp(now: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def _check(operation: str, answer: Answer) -> None:
    if not 200 <= answer.status < 300:
        raise ObjectError(operation, answer.status, _code(answer.body))


def _code(body: bytes) -> str:
    found = _CODE.search(body)
    return found[1].decode() if found else ""
