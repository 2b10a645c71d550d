"""The protobuf messages of the protocol, version 2015-12-31, built when this module is loaded.

Field names, numbers and types are those of the messages in the API reference [D]; that the official
SDK understands them is tested. A field is written `name=number:type`, with `!` for required and `*`
for repeated; types that are not scalar are messages; enumerations travel as `int32`, which is the
same on the wire. The classes live in a descriptor pool of their own, so that the SDK can be in the
same process.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from localcloud.tablestore.errors import invalid

_PACKAGE = "localcloud.tablestore"

_SCHEMA = """
Error: !code=1:string message=2:string
PrimaryKeySchema: !name=1:string !type=2:int32 option=3:int32
DefinedColumnSchema: !name=1:string !type=2:int32
TableOptions: time_to_live=1:int32 max_versions=2:int32 deviation_cell_version_in_sec=5:int64 allow_update=6:bool
TableMeta: !table_name=1:string *primary_key=2:PrimaryKeySchema *defined_column=3:DefinedColumnSchema
Condition: !row_existence=1:int32 column_condition=2:bytes
CapacityUnit: read=1:int32 write=2:int32
ReservedThroughputDetails: !capacity_unit=1:CapacityUnit !last_increase_time=2:int64 last_decrease_time=3:int64
ReservedThroughput: !capacity_unit=1:CapacityUnit
ConsumedCapacity: !capacity_unit=1:CapacityUnit
StreamSpecification: !enable_stream=1:bool expiration_time=2:int32
SSESpecification: !enable=1:bool key_type=2:int32 key_id=3:bytes role_arn=4:bytes
CreateTableRequest: !table_meta=1:TableMeta !reserved_throughput=2:ReservedThroughput table_options=3:TableOptions *partitions=4:bytes stream_spec=5:StreamSpecification sse_spec=6:SSESpecification *index_metas=7:bytes
CreateTableResponse:
UpdateTableRequest: !table_name=1:string reserved_throughput=2:ReservedThroughput table_options=3:TableOptions stream_spec=4:StreamSpecification
UpdateTableResponse: !reserved_throughput_details=1:ReservedThroughputDetails !table_options=2:TableOptions
DescribeTableRequest: !table_name=1:string
DescribeTableResponse: !table_meta=1:TableMeta !reserved_throughput_details=2:ReservedThroughputDetails !table_options=3:TableOptions sse_details=7:SSESpecification
ListTableRequest:
ListTableResponse: *table_names=1:string
DeleteTableRequest: !table_name=1:string
DeleteTableResponse:
TimeRange: start_time=1:int64 end_time=2:int64 specific_time=3:int64
ReturnContent: return_type=1:int32 *return_column_names=2:string
GetRowRequest: !table_name=1:string !primary_key=2:bytes *columns_to_get=3:string time_range=4:TimeRange max_versions=5:int32 filter=7:bytes start_column=8:string end_column=9:string token=10:bytes transaction_id=11:string
GetRowResponse: !consumed=1:ConsumedCapacity !row=2:bytes next_token=3:bytes
PutRowRequest: !table_name=1:string !row=2:bytes !condition=3:Condition return_content=4:ReturnContent transaction_id=5:string
UpdateRowRequest: !table_name=1:string !row_change=2:bytes !condition=3:Condition return_content=4:ReturnContent transaction_id=5:string
DeleteRowRequest: !table_name=1:string !primary_key=2:bytes !condition=3:Condition return_content=4:ReturnContent transaction_id=5:string
WriteRowResponse: !consumed=1:ConsumedCapacity row=2:bytes
TableInBatchGetRowRequest: !table_name=1:string *primary_key=2:bytes *token=3:bytes *columns_to_get=4:string time_range=5:TimeRange max_versions=6:int32 filter=8:bytes start_column=9:string end_column=10:string
BatchGetRowRequest: *tables=1:TableInBatchGetRowRequest
RowInBatchResponse: !is_ok=1:bool error=2:Error consumed=3:ConsumedCapacity row=4:bytes
TableInBatchResponse: !table_name=1:string *rows=2:RowInBatchResponse
BatchResponse: *tables=1:TableInBatchResponse
RowInBatchWriteRowRequest: !type=1:int32 !row_change=2:bytes !condition=3:Condition return_content=4:ReturnContent
TableInBatchWriteRowRequest: !table_name=1:string *rows=2:RowInBatchWriteRowRequest
BatchWriteRowRequest: *tables=1:TableInBatchWriteRowRequest transaction_id=2:string
GetRangeRequest: !table_name=1:string !direction=2:int32 *columns_to_get=3:string time_range=4:TimeRange max_versions=5:int32 limit=6:int32 !inclusive_start_primary_key=7:bytes !exclusive_end_primary_key=8:bytes filter=10:bytes start_column=11:string end_column=12:string token=13:bytes transaction_id=14:string
GetRangeResponse: !consumed=1:ConsumedCapacity !rows=2:bytes next_start_primary_key=3:bytes next_token=4:bytes
Filter: !type=1:int32 !filter=2:bytes
SingleColumnValueFilter: !comparator=1:int32 !column_name=2:string !column_value=3:bytes !filter_if_missing=4:bool !latest_version_only=5:bool value_trans_rule=6:bytes
CompositeColumnValueFilter: !combinator=1:int32 *sub_filters=2:Filter
ColumnPaginationFilter: !offset=1:int32 !limit=2:int32
"""  # noqa: E501 - one message a line reads best

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}
_LABELS = {"!": _Field.LABEL_REQUIRED, "*": _Field.LABEL_REPEATED}


def new(name: str, **fields: Any) -> Any:
    """A message; its class is made at run time, so that its type is `Any`."""
    return _CLASSES[name](**fields)


def parse(name: str, data: bytes) -> Any:
    """Read a message.

    Raises:
        CloudError: `OTSParameterInvalid`; the bytes are no such message.
    """
    message = _CLASSES[name]()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError):
        raise invalid(
            f"Fail to parse {name}: no protobuf message, or a field is missing."
        ) from None
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())
        raise invalid(f"Fail to parse {name}: required and missing: {missing}.")
    return message


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="localcloud/tablestore.proto", package=_PACKAGE, syntax="proto2"
    )
    names = []
    for line in _SCHEMA.strip().splitlines():
        name, _, fields = line.partition(":")
        names.append(name)
        message = file.message_type.add(name=name)
        for text in fields.split():
            _add_field(message, text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in names
    }


def _add_field(message: descriptor_pb2.DescriptorProto, text: str) -> None:
    name, _, rest = text.lstrip("!*").partition("=")
    number, _, kind = rest.partition(":")
    field = message.field.add(name=name, number=int(number))
    field.label = _LABELS.get(text[0], _Field.LABEL_OPTIONAL)
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"


_CLASSES = _build()
