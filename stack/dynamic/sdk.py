"""Clients of the official SDKs, at the addresses that a resource was given."""

from __future__ import annotations

from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stack.dynamic.base import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack.dynamic.credentials import Credentials

CONNECT_MS = 10_000


@contextmanager
def calling(what: str) -> Iterator[None]:
    """Turn what the SDKs raise into one message.

    Args:
        what: what was being done, for the message.

    Raises:
        DeploymentError: the call failed.
    """
    from Tea.exceptions import TeaException, UnretryableException

    try:
        yield
    except UnretryableException as error:
        raise DeploymentError(f"{what} failed: {error.inner_exception or error}") from error
    except TeaException as error:
        raise DeploymentError(f"{what} was refused: {error.code} {error.message}") from error


def function_client(credentials: Credentials, endpoint: str, region: str, read_ms: int) -> Any:
    """Return a client of Function Compute 3.0.

    Args:
        credentials: whose call it is.
        endpoint: address of the service.
        region: for signing.
        read_ms: milliseconds to wait for an answer.
    """
    from alibabacloud_fc20230330.client import Client
    from alibabacloud_tea_openapi.models import Config

    parts = urlsplit(endpoint)
    return Client(
        Config(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            endpoint=parts.netloc,
            protocol=parts.scheme.upper(),
            region_id=region,
            connect_timeout=CONNECT_MS,
            read_timeout=read_ms,
        )
    )


def registry_login(credentials: Credentials, instance_id: str, region: str) -> tuple[str, str]:
    """Ask Container Registry for a login that lasts an hour.

    Returns:
        User and password.

    Raises:
        DeploymentError: the instance gives none.
    """
    from alibabacloud_cr20181201.client import Client
    from alibabacloud_cr20181201.models import GetAuthorizationTokenRequest
    from alibabacloud_tea_openapi.models import Config

    client = Client(
        Config(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            endpoint=f"cr.{region}.aliyuncs.com",
            region_id=region,
            connect_timeout=CONNECT_MS,
        )
    )
    with calling(f"asking Container Registry for a login to {instance_id}"):
        body = client.get_authorization_token(GetAuthorizationTokenRequest(instance_id)).body
    return body.temp_username, body.authorization_token


def object_client(credentials: Credentials, endpoint: str, region: str) -> Any:
    """Return a client of OSS, with signature version 4."""
    import alibabacloud_oss_v2 as oss

    provider = oss.credentials.StaticCredentialsProvider(
        credentials.access_key_id, credentials.access_key_secret, credentials.security_token
    )
    config = oss.config.load_default()
    config.credentials_provider = provider
    config.region = region
    config.endpoint = endpoint
    config.use_path_style = _is_address(urlsplit(endpoint).hostname or "")
    return oss.Client(config)


def _is_address(host: str) -> bool:
    """Whether a bucket cannot stand in front of the host as a subdomain."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost"
    return True
