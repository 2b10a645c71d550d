"""The tools that every commander has; a tool of your own joins this list."""

from __future__ import annotations

from functools import cache

from functions.commander.tools.aggregate import aggregate_table
from functions.commander.tools.chart import chart
from functions.commander.tools.datasets import load_dataset, load_object
from functions.commander.tools.profile import profile_table
from functions.commander.tools.registry import Registry
from functions.commander.tools.report import report


@cache
def builtin() -> Registry:
    """The registry of all tools."""
    return Registry((load_dataset, load_object, profile_table, aggregate_table, chart, report))
