"""Schedule expressions of Function Compute: ``@every 1m``, six-field cron, ``at(…)``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from localcloud.core.errors import CloudError

_EVERY = re.compile(r"@every\s+(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_WRAPPED = re.compile(r"(cron|at)\((.*)\)")
_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(\S+)\s+(.*)")


class Schedule(Protocol):
    """When something happens."""

    def after(self, moment: float) -> float | None:
        """The first time strictly after a moment (Unix seconds), or None for never again."""
        ...

    def before(self, moment: float) -> float | None:
        """The last time at or before a moment, or None for never yet."""
        ...


@dataclass(frozen=True)
class Every:
    """At multiples of an interval, counted from the moment that is asked about."""

    seconds: float

    def after(self, moment: float) -> float:
        """One interval later."""
        return moment + self.seconds

    def before(self, moment: float) -> float:
        """Now: an interval has no anchor."""
        return moment


@dataclass(frozen=True)
class Once:
    """At one moment."""

    moment: float

    def after(self, moment: float) -> float | None:
        """It, while it lies ahead."""
        return self.moment if self.moment > moment else None

    def before(self, moment: float) -> float | None:
        """It, once it has come."""
        return self.moment if self.moment <= moment else None


@dataclass(frozen=True)
class Cron:
    """Seconds, minutes, hours, day of month, month, day of week, in a time zone."""

    expression: str
    zone: tzinfo

    def after(self, moment: float) -> float | None:
        """The next time; None when there is none within the 50 years that are searched."""
        found = next(CronSim(self.expression, self._local(moment)), None)
        return None if found is None else found.timestamp()

    def before(self, moment: float) -> float | None:
        """The last time."""
        # The search backwards leaves out its beginning.
        found = next(CronSim(self.expression, self._local(moment + 1), reverse=True), None)
        return None if found is None else found.timestamp()

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(int(moment), self.zone)


def parse_schedule(text: str, zone: str = "") -> Schedule:
    """Read an expression.

    Args:
        text: ``@every 90s`` (h, m, s), ``[CRON_TZ=Asia/Shanghai ]0 0 4 * * *``, the same in
            ``cron(…)``, or ``at(2030-01-31T08:00:00)``.
        zone: where the expression names none; UTC by default, as on the platform [D].

    Raises:
        CloudError: 400, it is none of these.
    """
    if match := _EVERY.fullmatch(text.strip()):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        if interval := hours * 3600 + minutes * 60 + seconds:
            return Every(interval)
        raise _bad(text, "the interval is zero")
    wrapped = _WRAPPED.fullmatch(text.strip())
    kind, inner = (wrapped[1], wrapped[2]) if wrapped else ("cron", text.strip())
    if zoned := _ZONE.fullmatch(inner):
        zone, inner = zoned[1], zoned[2]
    place = _zone(zone)
    if kind == "at":
        try:
            moment = datetime.fromisoformat(inner)
        except ValueError:
            raise _bad(text, "at(yyyy-mm-ddThh:mm:ss)") from None
        return Once((moment if moment.tzinfo else moment.replace(tzinfo=place)).timestamp())
    fields = inner.replace("?", "*").split()
    if len(fields) != 6:
        raise _bad(text, "six fields: second minute hour day month weekday")
    expression = " ".join(fields)
    try:
        CronSim(expression, datetime.now(place))
    except CronSimError as bad:
        raise _bad(text, str(bad)) from bad
    return Cron(expression, place)


def _zone(name: str) -> tzinfo:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise CloudError(400, "InvalidArgument", f"time zone {name!r} is not known") from None


def _bad(text: str, rule: str) -> CloudError:
    return CloudError(400, "InvalidArgument", f"schedule {text!r}: {rule}")
