"""The price book and the usage profiles, as data that is checked when it is read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

HERE = Path(__file__).parent


class BookError(Exception):
    """A price or a profile is wrong; the message names the file, the field and the rule."""


class Price(BaseModel):
    """One price; it is None where none could be sourced, and then reported as unpriced."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str
    price: Decimal | None = Field(ge=0)
    free: Decimal = Field(default=Decimal(0), ge=0)
    note: str
    source: str = ""
    dated: str = ""
    mark: str = Field(default="", pattern="^[OT]?$")

    @model_validator(mode="before")
    @classmethod
    def _dates_are_text(cls, data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "dated": str(data.get("dated", ""))}

    @model_validator(mode="after")
    def _sourced(self) -> Price:
        if self.price is not None and not (self.source and self.mark):
            raise ValueError("a price needs its source and its mark (O or T)")
        return self


class Book(BaseModel):
    """All prices of one region in one currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str
    region: str
    read: Any
    prices: dict[str, Price]


class Usage(BaseModel):
    """How an environment is used in a month of 30 days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks_a_day: Decimal = Field(ge=0)
    heavy_share: Decimal = Field(ge=0, le=1)
    dispatcher_seconds: Decimal = Field(ge=0)
    heavy_seconds: Decimal = Field(ge=0)
    reply_seconds: Decimal = Field(ge=0)
    steps_a_task: Decimal = Field(ge=0)
    input_tokens_a_task: Decimal = Field(ge=0)
    output_tokens_a_task: Decimal = Field(ge=0)
    stored_gb: Decimal = Field(ge=0)
    log_gb: Decimal = Field(ge=0)


def load_book(path: Path = HERE / "book.yaml") -> Book:
    """Read the price book.

    Raises:
        BookError: it is not as the schema has it.
    """
    try:
        return Book.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, OSError) as error:
        raise BookError(f"{path.name}: {error}") from error


def load_usage(stack: str, path: Path = HERE / "usage.yaml") -> Usage:
    """Read the profile of one environment: its own values over the default's.

    Raises:
        BookError: it is not as the schema has it.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        own = (document.get("stacks") or {}).get(stack) or {}
        return Usage.model_validate({**document["default"], **own})
    except (ValidationError, yaml.YAMLError, OSError, KeyError, AttributeError) as error:
        raise BookError(f"{path.name}: {error}") from error
