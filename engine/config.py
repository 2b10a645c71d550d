"""The project and the configuration of a stack: ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml``.

Read as the Pulumi CLI reads them: a key without a namespace belongs to the project, an object is
handed to the program as JSON with sorted keys, what ``Pulumi.yaml`` declares fills in what the
stack's file does not set. Encrypted values (``secure:``) cannot be read without their passphrase,
so the program gets the text ``[secret]`` in their place, marked as a secret.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.errors import EngineError
from engine.values import MASK

_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_PROJECT_KEYS = {"type", "description", "items", "default", "value", "secret"}
_SHORTEST_SECRET = 3
"""As for the CLI: hiding every ``a`` would hide the message and not the secret."""

_NAMES = ("Pulumi.yaml", "Pulumi.yml")


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars, as Go's parser reads them: ``on`` and dates are texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class Project:
    """What ``Pulumi.yaml`` says.

    Attributes:
        root: the directory of ``Pulumi.yaml``, absolute.
        program: the directory of ``__main__.py``.
        python: the interpreter that runs the program.
        config: the declared configuration: full key to ``(declaration, default as text or None)``.
    """

    name: str
    root: Path
    program: Path
    python: Path
    config: dict[str, tuple[Mapping[str, Any], str | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """The configuration of one stack: full key (``namespace:name``) to text."""

    values: dict[str, str] = field(repr=False)
    secret_keys: frozenset[str] = frozenset()

    def shown(self) -> dict[str, str]:
        """Return the values that people may see."""
        return {
            key: MASK if key in self.secret_keys else value
            for key, value in sorted(self.values.items())
        }

    def secret_texts(self) -> list[str]:
        """Return the secret values, which must not appear in any message; the longest first."""
        texts = {self.values[key] for key in self.secret_keys} - {MASK}
        return sorted((text for text in texts if len(text) >= _SHORTEST_SECRET), key=len)[::-1]

    def of_package(self, package: str) -> dict[str, str]:
        """Return the settings of a provider package, without their namespace."""
        return {
            key.split(":", 1)[1]: value
            for key, value in self.values.items()
            if key.split(":", 1)[0] == package
        }


def load_project(root: Path) -> Project:
    """Read the project in a directory.

    Raises:
        EngineError: there is none, it is not valid YAML, or its runtime is not Python.
    """
    root = root.resolve()
    path = next((root / name for name in _NAMES if (root / name).is_file()), None)
    if path is None:
        raise EngineError(f"no Pulumi project here: {root / _NAMES[0]} does not exist")
    document = _read_yaml(path)
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise EngineError(f"{path.name}: 'name' is missing; it must be the name of the project")
    runtime = document.get("runtime")
    options: Mapping[str, Any] = {}
    if isinstance(runtime, dict):
        options = runtime.get("options") or {}
        runtime = runtime.get("name")
    if runtime != "python":
        raise EngineError(f"{path.name}: 'runtime' is {runtime!r}; this engine runs 'python' only")
    program = root / str(document.get("main", "."))
    if program.suffix == ".py":
        program = program.parent
    if not (program / "__main__.py").is_file():
        raise EngineError(f"no program: {program / '__main__.py'} does not exist")
    declared = document.get("config") or {}
    if not isinstance(declared, dict):
        raise EngineError(f"{path.name}: 'config' must be a map of keys")
    return Project(
        name=name,
        root=root,
        program=program,
        python=interpreter(root, options.get("virtualenv")),
        config=_declarations(path.name, name, declared),
    )


def interpreter(root: Path, virtualenv: object) -> Path:
    """Return the interpreter of a ``virtualenv`` option, or the current one where it is absent.

    The path is not resolved: a virtual environment is recognised by where its link stands.
    """
    if isinstance(virtualenv, str) and virtualenv:
        for relative in ("bin/python", "Scripts/python.exe"):
            candidate = root / virtualenv / relative
            if candidate.exists():
                return candidate
    return Path(sys.executable)


def load_configuration(
    project: Project,
    stack: str,
    overrides: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Configuration:
    """Read the configuration of a stack.

    Args:
        project: the project.
        stack: name of the stack; its file is ``Pulumi.<stack>.yaml``.
        overrides: values that win over the files. An object is merged, key by key, into the one
            of the file; anything else replaces it.
        secrets: values that win over everything and are secret.

    Raises:
        EngineError: there is no such stack, the file is not valid, or a declared value is missing.
    """
    path = project.root / f"Pulumi.{stack}.yaml"
    if not _STACK_NAME.fullmatch(stack) or not path.is_file():
        known = ", ".join(stacks(project.root)) or "none"
        raise EngineError(f"no stack named {stack!r}: {path.name} does not exist (known: {known})")
    entries = _read_yaml(path).get("config") or {}
    if not isinstance(entries, dict):
        raise EngineError(f"{path.name}: 'config' must be a map of keys")

    merged = {_full_key(project.name, key): value for key, value in entries.items()}
    for key, value in (overrides or {}).items():
        full = _full_key(project.name, key)
        merged[full] = _merge(merged.get(full), value)

    values: dict[str, str] = {}
    secret_keys = {_full_key(project.name, key) for key in secrets or {}}
    for key, (declaration, default) in project.config.items():
        if declaration.get("secret"):
            secret_keys.add(key)
        if key not in merged and key not in secret_keys and default is None:
            raise EngineError(
                f"stack {stack!r} is missing the configuration value {key!r}, "
                "which Pulumi.yaml declares without a default"
            )
        if default is not None:
            values[key] = default
    for key, value in merged.items():
        revealed, is_secret = _without_secure(value)
        values[key] = _text(revealed)
        if is_secret:
            secret_keys.add(key)
    values |= {_full_key(project.name, key): value for key, value in (secrets or {}).items()}
    return Configuration(values, frozenset(secret_keys & values.keys()))


def stacks(root: Path) -> list[str]:
    """Return the names of the stacks that have a file in a directory, sorted."""
    return sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in root.glob("Pulumi.*.yaml"))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  (a safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise EngineError(f"{path.name}:{where} {error.problem or 'not valid YAML'}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EngineError(f"{path.name}: not valid YAML: {error}") from None
    except OSError as error:
        raise EngineError(f"{path.name} cannot be read: {error.strerror}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise EngineError(f"{path.name}: must be a map, not {type(document).__name__}")
    return document


def _declarations(
    file: str, project: str, entries: Mapping[Any, Any]
) -> dict[str, tuple[Mapping[str, Any], str | None]]:
    declarations: dict[str, tuple[Mapping[str, Any], str | None]] = {}
    for key, entry in entries.items():
        declaration = entry if isinstance(entry, dict) else {"default": entry}
        if unknown := declaration.keys() - _PROJECT_KEYS:
            raise EngineError(
                f"{file}: config key {key!r} has {min(unknown)!r}; a map here declares a value "
                f"and may have {', '.join(sorted(_PROJECT_KEYS))}"
            )
        value = declaration.get("value", declaration.get("default"))
        text = None if value is None else _text(value)
        declarations[_full_key(project, key)] = (declaration, text)
    return declarations


def _full_key(project: str, key: object) -> str:
    text = str(key)
    return text if ":" in text else f"{project}:{text}"


def _merge(old: Any, new: Any) -> Any:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{key: _merge(old.get(key), value) for key, value in new.items()}}


def _without_secure(value: Any) -> tuple[Any, bool]:
    """Replace every ``{secure: …}`` by a placeholder and tell whether there was any."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            return MASK, True
        entries = {key: _without_secure(item) for key, item in value.items()}
        return {k: v for k, (v, _) in entries.items()}, any(s for _, s in entries.values())
    if isinstance(value, list):
        items = [_without_secure(item) for item in value]
        return [v for v, _ in items], any(s for _, s in items)
    return value, False


def _text(value: Any) -> str:
    """Write a value as the CLI hands it to the program."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
