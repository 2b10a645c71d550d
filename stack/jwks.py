"""Public key sets: what the gateway may be given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# RFC 7518, 6.2.2 and 6.3.2: members that only a private key has; `k` is a symmetric key.
PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
LEAST_RSA_BITS = 2048


def read_jwks(root: Path, name: str) -> dict[str, Any]:
    """Read a key set from a JSON file of the project.

    Raises:
        ValueError: there is no such file, or it is no JSON object; the message says which.
    """
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError("name a file in the project")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"name a file that can be read ({error.strerror or error})") from error
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"name a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise ValueError("name a file with a JSON object, the key set")  # noqa: TRY004
    return content


def broken_key_rules(jwks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (path below the key set, rule) for everything that is wrong with it."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys:
        yield ".keys", "be a list with at least one key"
        return
    for index, key in enumerate(keys):
        yield from ((f".keys.{index}{where}", rule) for where, rule in _broken_rules_of(key))
    names = [key.get("kid") for key in keys if isinstance(key, dict)]
    if len(keys) > 1 and (None in names or len(set(map(str, names))) != len(names)):
        yield ".keys", "have a `kid` each, no two the same"


def _broken_rules_of(key: object) -> Iterator[tuple[str, str]]:
    if not isinstance(key, dict):
        yield "", "be a JSON object"
        return
    for member in PRIVATE_MEMBERS:
        if member in key:
            yield f".{member}", "not be there: it is part of a private key, and this file is public"
    if key.get("kty") != "RSA":
        yield ".kty", "be RSA, the type that the gateway verifies"
    elif not isinstance(key.get("n"), str) or not isinstance(key.get("e"), str):
        yield "", "have `n` and `e`"
    elif len(key["n"]) * 6 < LEAST_RSA_BITS:
        yield ".n", f"have at least {LEAST_RSA_BITS} bits"
