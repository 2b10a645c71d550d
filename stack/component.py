"""What all components share: children parented alike, outputs typed and registered."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pulumi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stack.context import Context

OutputsT = TypeVar("OutputsT")


class Component(pulumi.ComponentResource, Generic[OutputsT]):
    """Base of our components.

    A component declares a frozen dataclass of outputs, takes everything by keyword, makes its
    children with `self.child()` options and ends its constructor with `self.publish(...)`.

    Attributes:
        outputs: what others may use of it.
    """

    kind: ClassVar[str]
    outputs: OutputsT

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.kind = f"agent-commander:stack:{cls.__name__}"

    def __init__(
        self, *, name: str, context: Context, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the component.

        Args:
            name: its name in the stack; its children's begin with it.
            context: the environment.
            opts: options, mostly the parent.
        """
        super().__init__(self.kind, name, None, opts)
        self.name = name
        self.context = context

    def child(
        self, *, depends_on: Sequence[pulumi.Resource] | None = None, holds_data: bool = False
    ) -> pulumi.ResourceOptions:
        """Return the options of a child.

        Args:
            depends_on: what has to be there first, where no output says so.
            holds_data: protect it, and keep it when its resource goes, where the settings ask for
                that.
        """
        keep = True if holds_data and self.context.settings.protects_data else None
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=list(depends_on) if depends_on else None,
            protect=keep,
            retain_on_delete=keep,
        )

    def publish(self, outputs: OutputsT) -> None:
        """Keep the outputs and register them: the last statement of a constructor."""
        self.outputs = outputs
        self.register_outputs(_plain(outputs))


def _plain(value: Any) -> Any:
    """Return what the engine can keep: dataclasses as objects, what is no value as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | pulumi.Output):
        return value
    return str(value)
