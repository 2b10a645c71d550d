"""Read the settings of the running stack, or say all that is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import config as runtime_config

from stack.jwks import read_jwks
from stack.settings.problems import MASK, check, line
from stack.settings.root import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stack.settings.root import Settings

MODEL_KEY = "model_key"
PROJECT_ROOT = Path(__file__).parents[2]


class WrongSettings(ValueError):
    """Settings that cannot be used; the message lists every one with its value and its rule."""

    def __init__(self, environment: str, lines: Iterable[str]) -> None:
        found = sorted(set(lines))
        noun = "setting is" if len(found) == 1 else "settings are"
        listed = "\n".join(f"  {line}" for line in found)
        super().__init__(f"{len(found)} {noun} wrong in Pulumi.{environment}.yaml:\n{listed}")


def load_settings() -> tuple[Settings, pulumi.Output[str] | None]:
    """Read the configuration of the running stack.

    Returns:
        The settings, and the model's key as a secret output, or None where there is none.

    Raises:
        pulumi.RunError: something is wrong; the message lists field, value and rule of everything
        that is.
    """
    project = pulumi.get_project()
    own = pulumi.Config()
    cloud = pulumi.Config("alicloud")
    given: dict[str, Any] = {}
    secret: set[str] = set()
    for key in _keys_of(project):
        if key == MODEL_KEY:
            continue
        if runtime_config.is_config_secret(f"{project}:{key}"):
            secret.add(key)
        given[key] = _decoded(own, key)
    # An empty one is none: whoever passes variables on does not always know which are set.
    has_key = bool(runtime_config.get_config(own.full_key(MODEL_KEY)))
    model_key = own.get_secret(MODEL_KEY) if has_key else None
    environment = pulumi.get_stack()
    if has_key and not runtime_config.is_config_secret(f"{project}:{MODEL_KEY}"):
        rule = f"has to be set with: pulumi config set --secret {project}:{MODEL_KEY}"
        wrong = WrongSettings(environment, [f"{MODEL_KEY} = {MASK}: is in the clear; {rule}"])
        raise pulumi.RunError(str(wrong))
    try:
        settings = parse_settings(
            environment,
            {"region": cloud.get("region"), "account_id": cloud.get("accountId")},
            given,
            has_model_key=has_key,
            secret_groups=secret,
        )
    except WrongSettings as error:
        raise pulumi.RunError(str(error)) from None
    return settings, model_key


def parse_settings(
    environment: str,
    cloud: Mapping[str, str | None],
    groups: Mapping[str, Any],
    *,
    has_model_key: bool = False,
    secret_groups: Iterable[str] = (),
    root: Path = PROJECT_ROOT,
) -> Settings:
    """Check plain values and make settings of them.

    Args:
        environment: name of the stack.
        cloud: `region` and `account_id`.
        groups: values by the name of their group.
        has_model_key: whether the model's key is there.
        secret_groups: groups whose values must not be shown.
        root: where paths in settings begin.

    Raises:
        WrongSettings: listing everything that is wrong.
    """
    unknown = [
        f"{name} = {MASK}: is no group of settings; there are {', '.join(GROUPS)}, and the "
        f"secret {MODEL_KEY}"
        for name in sorted(set(groups) - set(GROUPS))
    ]
    values: dict[str, Any] = {
        "environment": environment,
        "cloud": {key: value for key, value in cloud.items() if value is not None},
        "has_model_key": has_model_key,
        **{name: value for name, value in groups.items() if name in GROUPS},
    }
    values, broken_file = _with_jwks(values, root)
    settings, wrong = check(values)
    groups_of_secrets = set(secret_groups)
    lines = [*unknown, *broken_file, *(line(each, values, groups_of_secrets) for each in wrong)]
    if lines or settings is None:
        raise WrongSettings(environment, lines)
    return settings


def _keys_of(project: str) -> list[str]:
    """Return the keys in the project's own namespace, however the engine handed them over."""
    everything = {
        **json.loads(os.environ.get("PULUMI_CONFIG", "{}")),
        **runtime_config.CONFIG.get(),
    }
    prefix = f"{project}:"
    return sorted(key.removeprefix(prefix) for key in everything if key.startswith(prefix))


def _decoded(config: pulumi.Config, key: str) -> Any:
    # `Config.get` warns about secrets; what is secret in a group is masked wherever it is shown.
    text = runtime_config.get_config(config.full_key(key))
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _with_jwks(values: dict[str, Any], root: Path) -> tuple[dict[str, Any], list[str]]:
    """Replace the path of a key set by its content."""
    gateway = values.get("gateway")
    if not isinstance(gateway, dict) or not isinstance(gateway.get("jwks"), str):
        return values, []
    name = gateway["jwks"]
    try:
        return {**values, "gateway": {**gateway, "jwks": read_jwks(root, name)}}, []
    except ValueError as error:
        return values, [f"gateway.jwks = {name!r}: has to {error}"]
