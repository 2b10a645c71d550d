"""Tools that load a table: a public data set of the allow-list, or an object of the owner's."""

import contextlib
import io
import json
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from functions.commander import catalogue
from functions.commander.objects import ObjectRefused
from functions.commander.tools.context import ToolContext
from functions.commander.tools.registry import ToolArguments, ToolError, ToolOutput, tool
from functions.commander.tools.tables import MAX_COLUMNS, Label, TableReference

if TYPE_CHECKING:
    from pandas import DataFrame


class LoadDataSet(ToolArguments):
    """Which public data set."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class LoadObject(ToolArguments):
    """Which object, how it is written, and which of its columns hold dates (ISO 8601)."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=1023)]
    format: Literal["csv", "json"] = "csv"
    dates: tuple[Label, ...] = Field(default=(), max_length=MAX_COLUMNS)


class LoadedTable(ToolOutput):
    """A table, and what people call it."""

    table: TableReference
    title: str
    description: str = ""


@tool("load_dataset", imports=("pandas",))
def load_dataset(arguments: LoadDataSet, context: ToolContext) -> LoadedTable:
    """Load one of the public data sets by its name."""
    data_set = catalogue.data_sets().get(arguments.name)
    if data_set is None:
        names = ", ".join(sorted(catalogue.data_sets()))
        raise ToolError(f"argument 'name', value '{arguments.name}': must be one of {names}")
    frame = _parse(catalogue.read(data_set), "json" if data_set.file.endswith(".json") else "csv")
    _read_dates(frame, data_set.dates)
    return LoadedTable(
        table=context.tables.save(frame, data_set.units),
        title=data_set.title,
        description=data_set.description,
    )


@tool("load_object", imports=("pandas",))
def load_object(arguments: LoadObject, context: ToolContext) -> LoadedTable:
    """Load a CSV file with a heading line, or a JSON list of records, of the user's own."""
    try:
        frame = _parse(context.objects.read(arguments.key), arguments.format)
        missing = [name for name in arguments.dates if name not in frame.columns]
        if missing:
            columns = ", ".join(map(str, frame.columns))
            raise ToolError(f"argument 'dates', value '{missing[0]}': must be one of {columns}")
        _read_dates(frame, dict.fromkeys(arguments.dates, "ISO8601"))
        table = context.tables.save(frame)
    except (ObjectRefused, ValueError) as error:
        raise ToolError(f"argument 'key', value '{arguments.key}': {error}") from error
    return LoadedTable(table=table, title=arguments.key.rsplit("/", 1)[-1])


def _parse(data: bytes, written_as: str) -> "DataFrame":
    import pandas as pd

    if written_as == "csv":
        return pd.read_csv(io.BytesIO(data))
    records = json.loads(data)
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise ValueError("must be a JSON list of objects")
    frame = pd.DataFrame.from_records(records)
    for name in frame.columns:
        if not pd.api.types.is_bool_dtype(frame[name]):
            # Numbers that were written as texts; a column with any other text stays as it is.
            with contextlib.suppress(ValueError, TypeError):
                frame[name] = pd.to_numeric(frame[name])
    return frame


def _read_dates(frame: "DataFrame", formats: dict[str, str]) -> None:
    import pandas as pd

    for name, written_as in formats.items():
        frame[name] = pd.to_datetime(frame[name], format=written_as)
