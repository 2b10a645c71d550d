"""The public data sets that tools may load: an allow-list, kept as data in `datasets.json`.

They ship inside the package `vega-datasets`, so that nothing is fetched from anywhere. Standard
library only: the light path names them too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "vega_datasets"
LIST = Path(__file__).with_name("datasets.json")


@dataclass(frozen=True)
class DataSet:
    """One public data set.

    Attributes:
        name: what plans call it.
        title: what people call it.
        description: what is in it, from when, by whom.
        file: its file inside the package.
        dates: columns that hold dates, each with its `strptime` format.
        units: units of measurement by column, where known.
    """

    name: str
    title: str
    description: str
    file: str
    dates: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


@cache
def data_sets() -> dict[str, DataSet]:
    """All data sets of the allow-list by name."""
    listed = json.loads(LIST.read_text(encoding="utf-8"))
    return {name: DataSet(name=name, **properties) for name, properties in listed.items()}


def read(data_set: DataSet) -> bytes:
    """The file of a data set, without importing the package that ships it (it imports pandas).

    Raises:
        FileNotFoundError: the package is not installed, or has no such file.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"the package {PACKAGE} is not installed")
    return Path(found.submodule_search_locations[0], "_data", data_set.file).read_bytes()
