"""Limits of the service, and the rules of its names.

From "limits on the wide column model" (help page of 2026-05-09) [D]: 1 to 4 primary key columns,
strings and binaries in it up to 1 KB, names up to 255 bytes, values up to 2 MB, rows and batches up
to 4 MB, 200 rows to write, 10 instances, 64 tables, 32 defined columns, 1,024 columns in a request.
100 rows to read, the 128 names of `columns_to_get`, 32 conditions in a filter and the least TTL of
a day are written in other pages and were not tried on an account [?].
"""

from __future__ import annotations

import re

KEY_COLUMNS = 4
KEY_BYTES = 1024
VALUE_BYTES = 2 * 1024 * 1024
ROW_BYTES = 4 * 1024 * 1024
BODY_BYTES = 8 * 1024 * 1024
WRITE_ROWS = 200
READ_ROWS = 100
RANGE_ROWS = 5000
RANGE_BYTES = 4 * 1024 * 1024
COLUMNS_TO_GET = 128
COLUMNS_IN_REQUEST = 1024
FILTER_CONDITIONS = 32
INSTANCES = 10
TABLES = 64
DEFINED_COLUMNS = 32
LEAST_TTL = 86400
CAPACITY_UNIT_BYTES = 4096

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
"""Tables and columns ("naming conventions" [D])."""

INSTANCE = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,14}[A-Za-z0-9]")
