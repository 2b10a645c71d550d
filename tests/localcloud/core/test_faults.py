"""Faults on purpose."""

from __future__ import annotations

import pytest

from localcloud.core.errors import CloudError
from localcloud.core.faults import Faults

BUSY = CloudError(503, "Busy", "busy")


def outcomes(faults: Faults, service: str, operation: str, count: int) -> list[bool]:
    found = []
    for _ in range(count):
        try:
            faults.raise_if_due(service, operation)
        except CloudError as error:
            assert (error.status, error.code) == (503, "Busy")
            found.append(False)
        else:
            found.append(True)
    return found


def test_the_next_calls_fail_and_then_no_more() -> None:
    faults = Faults()
    faults.fail_next("tablestore", "GetRow", BUSY, count=2)
    assert outcomes(faults, "tablestore", "PutRow", 1) == [True]
    assert outcomes(faults, "oss", "GetRow", 1) == [True]
    assert outcomes(faults, "tablestore", "GetRow", 3) == [False, False, True]


def test_all_operations_of_a_service() -> None:
    faults = Faults()
    faults.fail_next("oss", "*", BUSY, count=2)
    assert outcomes(faults, "oss", "PutObject", 1) + outcomes(faults, "oss", "GetObject", 2) == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_fails_in_the_same_places(seed: int) -> None:
    runs = []
    for _ in range(2):
        faults = Faults(seed)
        faults.fail_next("fc", "*", BUSY, count=5, share=0.3)
        runs.append(outcomes(faults, "fc", "InvokeFunction", 40))
    assert runs[0] == runs[1]
    assert runs[0].count(False) == 5
    assert runs[0][:5] != [False] * 5
