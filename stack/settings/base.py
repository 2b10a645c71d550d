"""What all groups of settings share: closed, immutable, with rules that name their field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Broken(NamedTuple):
    """A rule that does not hold.

    Attributes:
        field: path below the model that the rule belongs to, dots between names.
        rule: what has to be true, as an imperative sentence without its subject.
    """

    field: str
    rule: str


class Group(BaseModel):
    """One group of settings. Unknown keys are refused; nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    def broken_rules(self) -> Iterator[Broken]:
        """Yield every rule across fields that does not hold."""
        yield from ()

    @model_validator(mode="after")
    def _hold_rules(self) -> Self:
        # All of them at once: whoever mends a file wants the whole list, not one a run.
        broken = tuple(self.broken_rules())
        if broken:
            raise PydanticCustomError("rules", "breaks rules", {"broken": broken})
        return self
