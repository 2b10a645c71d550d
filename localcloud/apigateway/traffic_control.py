"""The ``trafficControl`` plugin: how many calls a unit of time lets through.

The basic template: ``unit`` (SECOND, MINUTE, HOUR, DAY), ``apiDefault``, ``userDefault``,
``appDefault``, ``specials`` [{type: APP, policies: [{key, value}]}]. Source: "Throttling plug-in",
alibabacloud.com/help/doc-detail/103221.htm [D]. A window begins with its first call; where the
real gateway begins it is not documented.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import yaml

from localcloud.apigateway.errors import GatewayError
from localcloud.core.errors import CloudError

_UNITS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}
_KNOWN = {"unit", "apiDefault", "userDefault", "appDefault", "specials"}


@dataclass(frozen=True)
class TrafficControl:
    """Limits, None where there is none. A user is the owner of an app, so only apps have one."""

    seconds: int
    per_api: int
    per_user: int | None
    per_app: int | None
    special_apps: dict[str, int]

    @classmethod
    def parse(cls, text: str) -> TrafficControl:
        """Read plugin data, JSON or YAML.

        Raises:
            CloudError: 400 with the field that is wrong, or that is not part of the local gateway.
        """
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as bad:
            raise _invalid("it is neither JSON nor YAML") from bad
        if not isinstance(data, dict):
            raise _invalid("it must be an object")
        if unknown := sorted(data.keys() - _KNOWN):
            raise _invalid(f"{unknown[0]} is not part of the local gateway's trafficControl plugin")
        if data.get("unit") not in _UNITS:
            raise _invalid(f"unit {data.get('unit')!r} is none of {', '.join(_UNITS)}")
        per_api = _limit(data, "apiDefault")
        if per_api is None:
            raise _invalid("apiDefault is required")
        return cls(
            seconds=_UNITS[data["unit"]],
            per_api=per_api,
            per_user=_limit(data, "userDefault"),
            per_app=_limit(data, "appDefault"),
            special_apps=_specials(data.get("specials") or []),
        )


@dataclass
class _Window:
    ends: float
    calls: int


@dataclass
class Counters:
    """Calls counted in memory: a restart begins anew."""

    _windows: dict[tuple[str, ...], _Window] = field(default_factory=dict)

    def take(
        self, control: TrafficControl, plugin: str, api: str, app: str | None, now: float
    ) -> None:
        """Count a call.

        Args:
            control: the limits.
            plugin: id of the plugin.
            api: id of the API.
            app: id of the calling app, if one signed the request.
            now: Unix seconds.

        Raises:
            GatewayError: 429 with ``Retry-After``; a refused call counts nowhere.
        """
        scopes: list[tuple[str, tuple[str, ...], int]] = [
            ("API", (plugin, "api", api), control.per_api)
        ]
        if app is not None:
            per_app = control.special_apps.get(app, control.per_app)
            if per_app is not None:
                scopes.append(("APP", (plugin, "app", app), per_app))
            if control.per_user is not None:
                scopes.append(("USER", (plugin, "user"), control.per_user))
        for scope, key, limit in scopes:
            window = self._window(key, control.seconds, now)
            if window.calls >= limit:
                wait = str(max(1, math.ceil(window.ends - now)))
                message = f"Throttled by {scope} Flow Control"
                raise GatewayError(429, "T429PR", message, {"retry-after": wait})
        for _, key, _ in scopes:
            self._windows[key].calls += 1

    def _window(self, key: tuple[str, ...], seconds: int, now: float) -> _Window:
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            window = self._windows[key] = _Window(now + seconds, 0)
        return window


def _limit(data: dict[str, Any], name: str) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _invalid(f"{name} {value!r} is no whole number from 0")
    return value


def _specials(items: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in items:
        if not isinstance(item, dict) or item.get("type") != "APP":
            raise _invalid("specials: only type APP is part of the local gateway")
        for policy in item.get("policies") or []:
            value = _limit(policy, "value")
            if value is None:
                raise _invalid("specials: value is required")
            found[str(policy.get("key"))] = value
    return found


def _invalid(rule: str) -> CloudError:
    return CloudError(400, "InvalidPluginData", f"pluginData of trafficControl: {rule}")
