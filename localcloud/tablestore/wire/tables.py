"""Table definitions as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.tablestore.errors import invalid, unsupported
from localcloud.tablestore.model import Encryption, KeyType
from localcloud.tablestore.wire import messages

if TYPE_CHECKING:
    from localcloud.tablestore.model import Table, TableOptions

AUTO_INCREMENT = 1
KEY_TYPES = {1: "INTEGER", 2: "STRING", 3: "BINARY"}
COLUMN_TYPES = {1: "INTEGER", 2: "DOUBLE", 3: "BOOLEAN", 4: "STRING", 7: "BINARY"}
SSE_KEY_TYPES = {1: "SSE_KMS_SERVICE", 2: "SSE_BYOK"}
_OPTIONS = {
    "time_to_live": "time_to_live",
    "max_versions": "max_versions",
    "deviation_cell_version_in_sec": "deviation",
    "allow_update": "allow_update",
}


def read_table(message: Any) -> dict[str, Any]:
    """What `Tablestore.create_table` needs of a CreateTable request.

    Raises:
        CloudError: a type is unknown, or something is asked for that is not here.
    """
    if message.index_metas:
        raise unsupported("CreateTable with indexes")
    if message.partitions:
        raise unsupported("CreateTable with partitions")
    _refuse_stream(message)
    meta = message.table_meta
    options = read_options(message)
    return {
        "name": meta.table_name,
        "primary_key": [
            (column.name, _named(KEY_TYPES, column.type), "AUTO_INCREMENT")
            if column.option == AUTO_INCREMENT
            else (column.name, _named(KEY_TYPES, column.type))
            for column in meta.primary_key
        ],
        "ttl": options.get("time_to_live", -1),
        "max_versions": options.get("max_versions", 1),
        "deviation": options.get("deviation", 86400),
        "allow_update": options.get("allow_update", True),
        "defined_columns": [
            (column.name, _named(COLUMN_TYPES, column.type)) for column in meta.defined_column
        ],
        "encryption": _read_encryption(message),
    }


def read_options(message: Any) -> dict[str, Any]:
    """The options that a CreateTable or UpdateTable request gives.

    Raises:
        CloudError: a stream is asked for.
    """
    _refuse_stream(message)
    given = message.table_options
    return {ours: getattr(given, name) for name, ours in _OPTIONS.items() if given.HasField(name)}


def describe(table: Table) -> Any:
    """The answer to DescribeTable."""
    answer = messages.new("DescribeTableResponse")
    answer.table_meta.table_name = table.name
    for column in table.primary_key:
        added = answer.table_meta.primary_key.add(
            name=column.name, type=_number(KEY_TYPES, column.type)
        )
        if column.auto_increment:
            added.option = AUTO_INCREMENT
    for name, kind in table.defined_columns:
        answer.table_meta.defined_column.add(name=name, type=_number(COLUMN_TYPES, kind))
    write_options(answer, table.options, table.created)
    encryption = table.encryption or Encryption(enabled=False)
    answer.sse_details.enable = encryption.enabled
    if encryption.enabled and encryption.key_type:
        answer.sse_details.key_type = _number(SSE_KEY_TYPES, encryption.key_type)
    if encryption.key_id:
        answer.sse_details.key_id = encryption.key_id.encode()
    if encryption.role_arn:
        answer.sse_details.role_arn = encryption.role_arn.encode()
    return answer


def write_options(answer: Any, options: TableOptions, created: float) -> None:
    """Options, and the throughput of a table that reserves none."""
    for name, ours in _OPTIONS.items():
        setattr(answer.table_options, name, getattr(options, ours))
    details = answer.reserved_throughput_details
    details.capacity_unit.read = details.capacity_unit.write = 0
    details.last_increase_time = int(created)


def _read_encryption(message: Any) -> Encryption | None:
    if not message.HasField("sse_spec"):
        return None
    given = message.sse_spec
    return Encryption(
        given.enable,
        _named(SSE_KEY_TYPES, given.key_type) if given.HasField("key_type") else None,
        given.key_id.decode(errors="replace") or None,
        given.role_arn.decode(errors="replace") or None,
    )


def _refuse_stream(message: Any) -> None:
    if message.HasField("stream_spec") and message.stream_spec.enable_stream:
        raise unsupported("a stream of a table")


def _named(names: dict[int, str], number: int) -> str:
    if number not in names:
        raise invalid(f"Invalid type: {number} is none of {', '.join(names.values())}.")
    return names[number]


def _number(names: dict[int, str], name: str | KeyType) -> int:
    wanted = name.value if isinstance(name, KeyType) else name
    return next(number for number, one in names.items() if one == wanted)
