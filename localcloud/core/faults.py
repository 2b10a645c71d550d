"""Faults on purpose: the next calls of an operation fail, or a seeded share of them does."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from localcloud.core.errors import CloudError


@dataclass
class _Fault:
    service: str
    operation: str
    error: CloudError
    left: int
    share: float

    def concerns(self, service: str, operation: str) -> bool:
        return self.service == service and self.operation in ("*", operation)


class Faults:
    """What is to fail; the same seed and the same calls fail in the same places.

    Args:
        seed: of the shares.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._planned: list[_Fault] = []
        self._lock = threading.Lock()

    def fail_next(
        self,
        service: str,
        operation: str,
        error: CloudError,
        *,
        count: int = 1,
        share: float = 1.0,
    ) -> None:
        """Let calls fail before anything is done.

        Args:
            service: its name, as the door knows it.
            operation: its name; `*` for all of the service's.
            error: what they answer, for example a throttling of the service.
            count: how many calls fail.
            share: of the calls, at random, until `count` have failed.
        """
        with self._lock:
            self._planned.append(_Fault(service, operation, error, count, share))

    def raise_if_due(self, service: str, operation: str) -> None:
        """Fail a call that is to fail.

        Raises:
            CloudError: the planned one.
        """
        with self._lock:
            for fault in self._planned:
                if not fault.concerns(service, operation):
                    continue
                if fault.share < 1.0 and self._random.random() >= fault.share:
                    continue
                fault.left -= 1
                if fault.left <= 0:
                    self._planned.remove(fault)
                raise CloudError(fault.error.status, fault.error.code, fault.error.message)
