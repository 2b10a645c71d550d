"""Limits of Function Compute 3.0 (the platform's page "Limits", unless a line says otherwise)."""

from __future__ import annotations

SYNC_PAYLOAD = 32 * 1024 * 1024
ASYNC_PAYLOAD = 128 * 1024
RESULT = 32 * 1024 * 1024  # The platform's own limit of a response is not documented.
TIMEOUT_S = 86_400
INITIALIZER_S = 300
PRE_STOP_S = 90
ENVIRONMENT_BYTES = 4 * 1024
CODE_ZIP = 500 * 1024 * 1024
CODE_UNPACKED = 2 * 1024**3  # Of this machine's disk; the platform states none.
CODE_ENTRIES = 100_000
MOUNTS = 5
TRIGGERS = 50
INSTANCES = 100
CONCURRENCY = 200

INITIALIZER_DEFAULT_S = 3
PRE_STOP_DEFAULT_S = 3
TIMEOUT_DEFAULT_S = 3
MEMORY_DEFAULT_MB = 512
IDLE_DEFAULT_S = 300  # The platform: three to five minutes.
CONTAINER_LISTENS_WITHIN_S = 120  # Unverified.
ASYNC_AGE_S = 86_400
ASYNC_AGE_MAX_S = 604_800
ASYNC_RETRIES = 3
ASYNC_RETRIES_MAX = 8

DESTINATION_BYTES = {"eventbridge": 64 * 1024, "mns": 64 * 1024, "fc": 128 * 1024}
