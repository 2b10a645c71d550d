"""The decorator that makes a function a tool, and the registry that holds the tools."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict

from functions.commander.tools.context import ToolContext


class ToolArguments(BaseModel):
    """Base of a tool's arguments: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolOutput(BaseModel):
    """Base of a tool's output: JSON values, small; what is large goes to object storage."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolError(Exception):
    """A step that cannot succeed by trying again; the text names argument, value and rule."""


A = TypeVar("A", bound=ToolArguments)
R = TypeVar("R", bound=ToolOutput)


@dataclass(frozen=True)
class Tool(Generic[A, R]):
    """A registered tool.

    Attributes:
        name: what a plan calls it.
        description: its docstring, for planners.
        arguments: the model of its arguments.
        output: the model of what it gives.
        run: the function.
        imports: heavy libraries that it will import, for the prefetch.
    """

    name: str
    description: str
    arguments: type[A]
    output: type[R]
    run: Callable[[A, ToolContext], R]
    imports: tuple[str, ...] = ()


AnyTool = Tool[Any, Any]


class Registry:
    """Tools by name."""

    def __init__(self, tools: Iterable[AnyTool] = ()) -> None:
        self._tools: dict[str, AnyTool] = {}
        for each in tools:
            self.add(each)

    def add(self, added: AnyTool) -> None:
        """Add a tool.

        Raises:
            ValueError: the name is taken.
        """
        if added.name in self._tools:
            raise ValueError(f"tool '{added.name}' is registered twice")
        self._tools[added.name] = added

    def get(self, name: str) -> AnyTool | None:
        """The tool of that name, if there is one."""
        return self._tools.get(name)

    def __iter__(self) -> Iterator[AnyTool]:
        return iter(self._tools.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tools, sorted."""
        return tuple(sorted(self._tools))


def tool(
    name: str, *, imports: tuple[str, ...] = ()
) -> Callable[[Callable[[A, ToolContext], R]], Tool[A, R]]:
    """Make a function `(arguments, context) -> output` a tool.

    Args:
        name: what plans call it.
        imports: heavy libraries that the function imports.

    Raises:
        TypeError: the function lacks a docstring or the annotations that name its two models.
    """

    def decorate(function: Callable[[A, ToolContext], R]) -> Tool[A, R]:
        hints = get_type_hints(function)
        parameters = list(inspect.signature(function).parameters)
        arguments = hints.get(parameters[0]) if len(parameters) == 2 else None
        output = hints.get("return")
        if not _is_model(arguments, ToolArguments) or not _is_model(output, ToolOutput):
            raise TypeError(
                f"tool '{name}' must be a function (arguments: <ToolArguments>, "
                "context: ToolContext) -> <ToolOutput>"
            )
        description = inspect.getdoc(function)
        if not description:
            raise TypeError(f"tool '{name}' needs a docstring: planners read it")
        return Tool(
            name,
            description,
            cast("type[A]", arguments),
            cast("type[R]", output),
            function,
            imports,
        )

    return decorate


def _is_model(candidate: object, base: type[BaseModel]) -> bool:
    return inspect.isclass(candidate) and issubclass(candidate, base)
