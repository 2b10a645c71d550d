"""The operations: from a request message through the store to an answer message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.tablestore.errors import invalid, unsupported
from localcloud.tablestore.limits import RANGE_ROWS, READ_ROWS, WRITE_ROWS
from localcloud.tablestore.model import Return, WriteType
from localcloud.tablestore.wire import codec, messages, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.tablestore.model import Answer, Table, Write
    from localcloud.tablestore.store import Outcome, Tablestore

OPERATIONS = {
    "CreateTable": "keys of 1 to 4 columns, auto-increment, time to live, versions; encryption and "
    "defined columns are recorded; no indexes, no streams",
    "DescribeTable": "complete, without indexes and streams",
    "ListTable": "complete",
    "UpdateTable": "time to live, versions, deviation, allow_update",
    "DeleteTable": "complete",
    "PutRow": "conditions on the row and on columns, generated keys, given versions",
    "GetRow": "columns, versions, time range, filter, column range",
    "UpdateRow": "put, delete one version, delete all, increment; conditions; RT_AFTER_MODIFY",
    "DeleteRow": "conditions",
    "BatchGetRow": f"up to {READ_ROWS} rows",
    "BatchWriteRow": f"up to {WRITE_ROWS} rows, each by itself",
    "GetRange": f"both directions, limit, filter; up to {RANGE_ROWS} rows or 4 MB at a time",
}
"""What is there, with how far it goes."""


def tables_of(operation: str, message: Any) -> list[str]:
    """The tables that a request touches; `*` where it is about all of the instance."""
    if operation == "ListTable":
        return ["*"]
    if operation == "CreateTable":
        return [message.table_meta.table_name]
    if operation.startswith("Batch"):
        return [table.table_name for table in message.tables]
    return [message.table_name]


def perform(store: Tablestore, operation: str, instance: str, message: Any) -> Any:
    """Do an operation and give its answer.

    Raises:
        CloudError: the service's error.
    """
    if getattr(message, "transaction_id", ""):
        raise unsupported(f"{operation} in a local transaction")
    return _HANDLERS[operation](store, instance, message)


def _create_table(store: Tablestore, instance: str, message: Any) -> Any:
    store.create_table(instance, **tables.read_table(message))
    return messages.new("CreateTableResponse")


def _describe_table(store: Tablestore, instance: str, message: Any) -> Any:
    return tables.describe(store.table(instance, message.table_name))


def _list_table(store: Tablestore, instance: str, _message: Any) -> Any:
    return messages.new("ListTableResponse", table_names=store.list_tables(instance))


def _update_table(store: Tablestore, instance: str, message: Any) -> Any:
    table = store.update_table(instance, message.table_name, **tables.read_options(message))
    answer = messages.new("UpdateTableResponse")
    tables.write_options(answer, table.options, table.created)
    return answer


def _delete_table(store: Tablestore, instance: str, message: Any) -> Any:
    store.delete_table(instance, message.table_name)
    return messages.new("DeleteTableResponse")


def _get_row(store: Tablestore, instance: str, message: Any) -> Any:
    name = message.table_name
    key, selection = codec.read_key(message.primary_key), codec.read_selection(message)
    answer = store.get_row(instance, name, key, selection)
    return messages.new(
        "GetRowResponse",
        consumed=codec.consumed(answer.usage),
        row=_row(store.table(instance, name), answer),
    )


def _put_row(store: Tablestore, instance: str, message: Any) -> Any:
    return _write(store, instance, message, WriteType.PUT, message.row)


def _update_row(store: Tablestore, instance: str, message: Any) -> Any:
    return _write(store, instance, message, WriteType.UPDATE, message.row_change)


def _delete_row(store: Tablestore, instance: str, message: Any) -> Any:
    return _write(store, instance, message, WriteType.DELETE, message.primary_key)


def _write(store: Tablestore, instance: str, message: Any, kind: WriteType, data: bytes) -> Any:
    write = codec.read_write(kind, data, message)
    table = store.table(instance, message.table_name)
    answer = store.write_row(instance, table.name, write)
    response = messages.new("WriteRowResponse", consumed=codec.consumed(answer.usage))
    if write.returns is not Return.NONE:
        response.row = _row(table, answer)
    return response


def _batch_get_row(store: Tablestore, instance: str, message: Any) -> Any:
    reads = [
        (
            one.table_name,
            [codec.read_key(key) for key in one.primary_key],
            codec.read_selection(_without_tokens(one)),
        )
        for one in message.tables
    ]
    return _batch(store, instance, store.batch_get(instance, reads))


def _batch_write_row(store: Tablestore, instance: str, message: Any) -> Any:
    writes = [(one.table_name, [_batch_row(row) for row in one.rows]) for one in message.tables]
    return _batch(store, instance, store.batch_write(instance, writes))


def _batch_row(row: Any) -> Write:
    if row.type not in codec.WRITE_TYPES:
        raise invalid(f"Invalid operation type in a batch: {row.type}.")
    return codec.read_write(codec.WRITE_TYPES[row.type], row.row_change, row)


def _get_range(store: Tablestore, instance: str, message: Any) -> Any:
    if message.direction not in (0, 1):
        raise invalid(f"Invalid direction: {message.direction}.")
    name = message.table_name
    page = store.get_range(
        instance,
        name,
        (
            codec.read_key(message.inclusive_start_primary_key),
            codec.read_key(message.exclusive_end_primary_key),
        ),
        codec.read_selection(message),
        forward=message.direction == 0,
        limit=message.limit if message.HasField("limit") else None,
    )
    table = store.table(instance, name)
    answer = messages.new(
        "GetRangeResponse",
        consumed=codec.consumed(page.usage),
        rows=codec.write_rows(table, page.rows),
    )
    if page.next_key is not None:
        answer.next_start_primary_key = codec.write_key(table, page.next_key)
    return answer


def _batch(store: Tablestore, instance: str, outcomes: list[tuple[str, list[Outcome]]]) -> Any:
    response = messages.new("BatchResponse")
    for name, of_table in outcomes:
        group = response.tables.add(table_name=name)
        for outcome in of_table:
            if isinstance(outcome, CloudError):
                error = messages.new("Error", code=outcome.code, message=outcome.message)
                group.rows.add(is_ok=False, error=error)
            else:
                group.rows.add(
                    is_ok=True,
                    consumed=codec.consumed(outcome.usage),
                    row=_row(store.table(instance, name), outcome),
                )
    return response


def _row(table: Table, answer: Answer) -> bytes:
    return codec.write_rows(table, [answer.row]) if answer.row else b""


def _without_tokens(message: Any) -> Any:
    """The SDKs send an empty token for each row of a batch."""
    if any(message.token):
        raise unsupported("reading on within a row (token)")
    message.ClearField("token")
    return message


_HANDLERS: dict[str, Callable[[Tablestore, str, Any], Any]] = {
    "CreateTable": _create_table,
    "DescribeTable": _describe_table,
    "ListTable": _list_table,
    "UpdateTable": _update_table,
    "DeleteTable": _delete_table,
    "PutRow": _put_row,
    "GetRow": _get_row,
    "UpdateRow": _update_row,
    "DeleteRow": _delete_row,
    "BatchGetRow": _batch_get_row,
    "BatchWriteRow": _batch_write_row,
    "GetRange": _get_range,
}
