"""Tables between steps: by reference, as compressed CSV in the owner's part of the bucket.

A row of the log holds only where the table is, how long it is and what its columns are.
"""

import gzip
import io
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from functions.commander.tools.context import Objects

if TYPE_CHECKING:
    from pandas import DataFrame, Series


MAX_COLUMNS = 200
MAX_ROWS = 2_000_000
MAX_BYTES = 256 * 1024 * 1024
CONTENT_TYPE = "application/gzip"
ColumnType = Literal["number", "date", "truth", "text"]
Label = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Column(BaseModel):
    """A column: its name, what it holds, and its unit of measurement where known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Label
    type: ColumnType
    unit: Annotated[str, StringConstraints(max_length=32)] | None = None


class TableReference(BaseModel):
    """Where a table is, and its shape."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, StringConstraints(min_length=1, max_length=1023)]
    rows: int = Field(ge=0, le=MAX_ROWS)
    columns: tuple[Column, ...] = Field(max_length=MAX_COLUMNS)

    def unit_of(self, column: str) -> str | None:
        """The unit of a column, where known."""
        return next((each.unit for each in self.columns if each.name == column), None)


class Tables:
    """Saves and loads the tables of one ticket; what this instance saw last, it need not fetch."""

    def __init__(self, objects: Objects, keep: int = 4) -> None:
        self._objects = objects
        self._keep = keep
        self._seen: dict[str, DataFrame] = {}
        self._lock = Lock()

    def save(self, frame: "DataFrame", units: dict[str, str] | None = None) -> TableReference:
        """Keep a table.

        Args:
            frame: rows and named columns; an index is not kept.
            units: units of measurement by column.

        Raises:
            ValueError: too many rows or columns.
        """
        if len(frame) > MAX_ROWS or len(frame.columns) > MAX_COLUMNS:
            raise ValueError(
                f"a table of {len(frame)} rows and {len(frame.columns)} columns is too large: "
                f"at most {MAX_ROWS} and {MAX_COLUMNS}"
            )
        columns = tuple(
            Column(name=str(name), type=type_of(frame[name]), unit=(units or {}).get(str(name)))
            for name in frame.columns
        )
        key = self._objects.save(_encode(frame), CONTENT_TYPE)
        self._remember(key, frame)
        return TableReference(key=key, rows=len(frame), columns=columns)

    def load(self, reference: TableReference) -> "DataFrame":
        """A table by its reference; a copy that the caller may change."""
        with self._lock:
            frame = self._seen.get(reference.key)
        if frame is None:
            frame = _decode(self._objects.read(reference.key), reference.columns)
            self._remember(reference.key, frame)
        return frame.copy()

    def _remember(self, key: str, frame: "DataFrame") -> None:
        with self._lock:
            self._seen[key] = frame
            while len(self._seen) > self._keep:
                del self._seen[next(iter(self._seen))]


def type_of(series: "Series[Any]") -> ColumnType:
    """What a column holds."""
    from pandas.api import types

    if types.is_bool_dtype(series):
        return "truth"
    if types.is_datetime64_any_dtype(series):
        return "date"
    return "number" if types.is_numeric_dtype(series) else "text"


def _encode(frame: "DataFrame") -> bytes:
    text = frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\n")
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def _decode(data: bytes, columns: tuple[Column, ...]) -> "DataFrame":
    import pandas as pd

    with gzip.open(io.BytesIO(data)) as packed:
        text = packed.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise ValueError(f"a table of more than {MAX_BYTES} bytes is too large")
    frame = pd.read_csv(
        io.BytesIO(text),
        dtype={each.name: "str" for each in columns if each.type in {"text", "date"}},
        keep_default_na=False,
        na_values=[""],
    )
    for each in columns:
        if each.type == "date":
            frame[each.name] = pd.to_datetime(frame[each.name], format="ISO8601")
    return frame
