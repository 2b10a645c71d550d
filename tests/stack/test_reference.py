"""The settings reference says what the models say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.settings.reference import reference
from stack.settings.root import GROUPS, Settings
from tests.stack.world import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_reference_is_current(golden: Callable[[Path, str], None]) -> None:
    golden(PROJECT / "docs" / "settings.md", reference())


def test_every_setting_is_described() -> None:
    text = reference()
    for group in GROUPS:
        assert f"## `{group}`" in text
        model = Settings.model_fields[group].annotation
        assert model is not None
        for name, field in model.model_fields.items():
            assert field.description, f"{group}.{name}"
            assert f"| `{name}` |" in text
