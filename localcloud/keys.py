"""Keys of one local cloud: what secrets are encrypted with, and what its tokens are signed with.

Both lie in the state directory, readable by their owner alone, and are made once.
"""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.core.errors import StateDamaged

if TYPE_CHECKING:
    from pathlib import Path

_ALGORITHM = "RS256"


class Vault:
    """Encrypts secrets at rest (Fernet: AES-128-CBC with HMAC-SHA256).

    Args:
        path: the key file; made when it is not there.

    Raises:
        StateDamaged: the file holds no key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            write_private(path, Fernet.generate_key())
        try:
            self._fernet = Fernet(path.read_bytes().strip())
        except ValueError as bad:
            raise StateDamaged(path, "it holds no key") from bad

    def encrypt(self, text: str) -> str:
        """Encrypt a secret."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Decrypt what `encrypt` returned.

        Raises:
            StateDamaged: it was encrypted with another key.
        """
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as bad:
            raise StateDamaged(
                self._path, "a stored secret was encrypted with another key"
            ) from bad


class TokenKeys:
    """The RSA pair of the local identity provider.

    Args:
        path: the private key (PEM); made when it is not there.

    Raises:
        StateDamaged: the file holds no RSA key.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            write_private(path, _new_key())
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as bad:
            raise StateDamaged(path, "it holds no private key") from bad
        if not isinstance(key, rsa.RSAPrivateKey):
            raise StateDamaged(path, "it holds no RSA key")
        self._key = key
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
        self._kid = f"local-{public['n'][:12]}"
        self._public = {
            "kty": "RSA", "n": public["n"], "e": public["e"], "alg": _ALGORITHM, "use": "sig",
            "kid": self._kid,
        }  # fmt: skip

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key, as a key set."""
        return {"keys": [self._public]}

    def sign(
        self,
        sub: str,
        *,
        now: float,
        seconds: float,
        tenant: str | None = None,
        scope: str = "",
    ) -> str:
        """Sign a token.

        Args:
            sub: who it is for.
            now: Unix seconds.
            seconds: how long it is valid.
            tenant: whose it is; left out, the function takes `sub`.
            scope: permissions, separated by spaces.
        """
        claims: dict[str, Any] = {
            "sub": sub,
            "iat": int(now),
            "exp": int(now + seconds),
            "jti": uuid.uuid4().hex,
        }
        if tenant is not None:
            claims["tenant"] = tenant
        if scope:
            claims["scope"] = scope
        return jwt.encode(claims, self._key, _ALGORITHM, {"kid": self._kid})


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    part.replace(path)


def _new_key() -> bytes:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
