"""A small client of Tablestore's wire protocol: single rows and ranges, with conditions."""

from functions.common.tablestore.api import (
    AccessDenied,
    ConditionFailed,
    Expect,
    Key,
    NotFound,
    Page,
    Row,
    RowStore,
    Rule,
    TablestoreError,
    Throttled,
    UnknownOutcome,
    Value,
)
from functions.common.tablestore.client import TablestoreClient

__all__ = [
    "AccessDenied",
    "ConditionFailed",
    "Expect",
    "Key",
    "NotFound",
    "Page",
    "Row",
    "RowStore",
    "Rule",
    "TablestoreClient",
    "TablestoreError",
    "Throttled",
    "UnknownOutcome",
    "Value",
]
