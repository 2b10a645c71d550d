"""Property values: Python on our side, signed JSON-like maps inside protobuf structs on the wire.

The wire marks what JSON cannot say with a map that holds a signature key; the signatures are those
of the SDK (``pulumi/runtime/rpc.py``). ``wire`` and ``unwire`` convert between the two; what
becomes of a secret is the caller's choice, because it is wrapped for the program, encrypted for the
checkpoint and masked for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNKNOWN_SENTINEL: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
MASK: Final = "[secret]"


class Signature(StrEnum):
    """What a map with a signature key stands for."""

    SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (a type tag)
    ASSET = "c44067f5952c0a294b673a41bacd8c17"
    ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
    RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
    OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


_EXACT_FLOAT = 2**53
"""Beyond this a double cannot tell neighbouring integers apart."""


class Unknown:
    """The type of ``UNKNOWN``: a value that only the deployment itself will know."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, memo: object) -> Unknown:
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown; its ``repr`` does not show it either."""

    value: Any

    def __repr__(self) -> str:
        return f"Secret({MASK})"


@dataclass(frozen=True)
class ResourceReference:
    """A whole resource used as a value; ``id`` is None for a component."""

    urn: str
    id: str | Unknown | None = None
    package_version: str = ""


@dataclass(frozen=True)
class Asset:
    """A file, a text or an address (``path``, ``text`` or ``uri``), or an archive of such."""

    signature: str
    fields: Mapping[str, Any]


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Decode a property map as the SDK sends it.

    Raises:
        ValueError: a map carries a signature that nobody knows.
    """
    return {key: unwire(_json_of(value)) for key, value in struct.fields.items()}


def to_struct(properties: Mapping[str, Any], *, keep_secrets: bool = True) -> struct_pb2.Struct:
    """Encode a property map for the SDK; without ``keep_secrets`` they go unwrapped."""
    struct = struct_pb2.Struct()
    seal = _wrap if keep_secrets else _unwrap
    struct.update({key: wire(value, seal) for key, value in properties.items()})
    return struct


def wire(value: Any, seal: Callable[[Any], Any]) -> Any:
    """Turn a value into signed JSON; ``seal`` makes the map (or text) that stands for a secret.

    ``seal`` gets what the secret holds, already in wire form.
    """
    match value:
        case Unknown():
            return UNKNOWN_SENTINEL
        case Secret(inner):
            return seal(wire(inner, lambda nested: nested))
        case ResourceReference(urn, id_, version):
            reference = {SIGNATURE_KEY: Signature.RESOURCE, "urn": urn, "packageVersion": version}
            return reference if id_ is None else reference | {"id": wire(id_, seal)}
        case Asset(signature, fields):
            return {SIGNATURE_KEY: signature} | {k: wire(v, seal) for k, v in fields.items()}
        case dict():
            return {key: wire(item, seal) for key, item in value.items()}
        case list() | tuple():
            return [wire(item, seal) for item in value]
    return value


def unwire(value: Any, unseal: Callable[[Mapping[str, Any]], Any] | None = None) -> Any:
    """Turn signed JSON into a value; ``unseal`` reads what ``seal`` wrote (default: ``value``).

    Raises:
        ValueError: a map carries a signature that nobody knows.
    """
    if value == UNKNOWN_SENTINEL:
        return UNKNOWN
    if isinstance(value, list):
        return [unwire(item, unseal) for item in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(SIGNATURE_KEY)
    if signature is None:
        return {key: unwire(item, unseal) for key, item in value.items()}
    fields = {key: item for key, item in value.items() if key != SIGNATURE_KEY}
    match signature:
        case Signature.SECRET:
            return Secret(unwire(unseal(fields) if unseal else fields["value"]))
        case Signature.ASSET | Signature.ARCHIVE:
            return Asset(signature, {key: unwire(item, unseal) for key, item in fields.items()})
        case Signature.RESOURCE:
            id_ = unwire(fields["id"]) if "id" in fields else None
            known_id = UNKNOWN if id_ == "" else id_
            return ResourceReference(fields["urn"], known_id, fields.get("packageVersion", ""))
        case Signature.OUTPUT:
            inner = unwire(fields["value"], unseal) if "value" in fields else UNKNOWN
            return Secret(inner) if fields.get("secret") else inner
    raise ValueError(f"unrecognised signature {signature!r} in a property value")


def masked(value: Any) -> Any:
    """Return the JSON that people may see: secrets as ``[secret]``, unknowns as the sentinel."""
    return wire(value, lambda _: MASK)


def plain(value: Any) -> Any:
    """Return the value as a provider gets it.

    Secrets are unwrapped; a reference is the resource's id (a component's URN); an asset is
    ``{"__asset": "file" | "text" | "remote", "path" | "text" | "uri": …}``, an archive the same
    under ``__archive``; an unknown, which only a preview has, is the sentinel text.
    """
    match value:
        case Secret(inner):
            return plain(inner)
        case Unknown():
            return UNKNOWN_SENTINEL
        case ResourceReference(urn, id_, _):
            return urn if id_ is None else plain(id_)
        case Asset(signature, fields):
            tag = "__asset" if signature == Signature.ASSET else "__archive"
            kinds = {"path": "file", "text": "text", "uri": "remote", "assets": "assets"}
            kind = next((kinds[field] for field in fields if field in kinds), "file")
            return {tag: kind} | {key: plain(item) for key, item in fields.items()}
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


def contains(value: Any, kind: type) -> bool:
    """Tell whether a value is, or holds anywhere, an instance of ``kind``."""
    match value:
        case _ if isinstance(value, kind):
            return True
        case Secret(inner):
            return contains(inner, kind)
        case ResourceReference(_, id_, _):
            return isinstance(id_, kind)
        case Asset(_, fields):
            return any(contains(item, kind) for item in fields.values())
        case dict():
            return any(contains(item, kind) for item in value.values())
        case list():
            return any(contains(item, kind) for item in value)
    return False


def _wrap(value: Any) -> dict[str, Any]:
    return {SIGNATURE_KEY: Signature.SECRET, "value": value}


def _unwrap(value: Any) -> Any:
    return value


def _json_of(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        whole = number.is_integer() and abs(number) < _EXACT_FLOAT
        return int(number) if whole else number
    if kind == "struct_value":
        return {key: _json_of(item) for key, item in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_json_of(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)
