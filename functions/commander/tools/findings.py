"""What a report can say: each finding is computed from rows, and carries its numbers as facts."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from functions.commander.tools.profile import ColumnProfile, Profile
from functions.commander.tools.registry import ToolArguments, ToolError, ToolOutput
from functions.commander.tools.tables import Label
from functions.commander.tools.values import shown, with_unit

Rows = Annotated[list[dict[str, JsonValue]], Field(min_length=1, max_length=500)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Unit = Annotated[str, StringConstraints(max_length=32)]
PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Fact(ToolOutput):
    """One number of the answer: what it is, of what, how much, in which unit."""

    name: str
    label: JsonValue
    value: JsonValue
    unit: str | None = None


class Extreme(ToolArguments):
    """The row with the largest or smallest value, in a sentence.

    The sentence may name `{label}`, `{value}` (with its unit) and any other column of the row.
    """

    kind: Literal["extreme"]
    rows: Rows
    label: Label
    value: Label
    pick: Literal["max", "min"] = "max"
    unit: Unit | None = None
    sentence: Sentence

    def markdown(self) -> str:
        """The sentence with its numbers."""
        row = self._row()
        words = {name: shown(value) for name, value in row.items()}
        words["label"] = f"**{shown(row[self.label])}**"
        words["value"] = with_unit(row[self.value], self.unit)
        return _fill(self.sentence, words)

    def facts(self) -> list[Fact]:
        """The one number that the sentence is about."""
        row = self._row()
        name = f"{self.pick} {self.value}"
        return [Fact(name=name, label=row[self.label], value=row[self.value], unit=self.unit)]

    def _row(self) -> dict[str, JsonValue]:
        return _pick(self.rows, self.label, self.value, self.pick)


class Course(ToolArguments):
    """How values run over the rows: the lowest and the highest, in a sentence.

    The sentence may name `{low_label}`, `{low}`, `{high_label}` and `{high}`.
    """

    kind: Literal["course"]
    rows: Rows
    label: Label
    value: Label
    unit: Unit | None = None
    sentence: Sentence

    def markdown(self) -> str:
        """The sentence with its numbers."""
        low, high = self._ends()
        words = {
            "low_label": f"**{shown(low[self.label])}**",
            "low": with_unit(low[self.value], self.unit),
            "high_label": f"**{shown(high[self.label])}**",
            "high": with_unit(high[self.value], self.unit),
        }
        return _fill(self.sentence, words)

    def facts(self) -> list[Fact]:
        """The lowest and the highest value."""
        return [
            Fact(
                name=f"{name} {self.value}",
                label=row[self.label],
                value=row[self.value],
                unit=self.unit,
            )
            for name, row in zip(("min", "max"), self._ends(), strict=True)
        ]

    def _ends(self) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
        return (
            _pick(self.rows, self.label, self.value, "min"),
            _pick(self.rows, self.label, self.value, "max"),
        )


class Listing(ToolArguments):
    """Rows as a table; `columns` gives the title of each column that is shown."""

    kind: Literal["listing"]
    rows: Rows
    columns: dict[Label, Label] = Field(min_length=1, max_length=8)

    def markdown(self) -> str:
        """A Markdown table."""
        lines = [_line(self.columns.values()), _line("---" for _ in self.columns)]
        lines += [_line(shown(row.get(name)) for name in self.columns) for row in self.rows]
        return "\n".join(lines)

    def facts(self) -> list[Fact]:
        """None: the rows are in the log."""
        return []


class Overview(ToolArguments):
    """A profile: the size of the table and a line for each column."""

    kind: Literal["overview"]
    profile: Profile

    def markdown(self) -> str:
        """A sentence and a Markdown table."""
        columns = self.profile.columns
        lines = [
            f"The table has {self.profile.rows:,} rows and {len(columns)} columns.",
            "",
            _line(("column", "type", "values", "missing", "distinct")),
            _line("---" for _ in range(5)),
        ]
        for each in columns:
            found = (each.name, each.type, _content(each), str(each.missing), str(each.distinct))
            lines.append(_line(found))
        return "\n".join(lines)

    def facts(self) -> list[Fact]:
        """The number of rows and the mean of each column that has one."""
        means = [each for each in self.profile.columns if each.mean is not None]
        return [
            Fact(name="rows", label=None, value=self.profile.rows),
            *(
                Fact(name="mean", label=each.name, value=each.mean, unit=each.unit)
                for each in means
            ),
        ]


class Sample(ToolArguments):
    """What the numbers stand on: how many rows were used, of how many, and from when to when."""

    kind: Literal["sample"]
    profile: Profile
    used: int = Field(ge=0)
    column: Label | None = None

    def markdown(self) -> str:
        """One sentence."""
        text = f"Computed from {self.used:,} of the {self.profile.rows:,} rows of the table"
        dates = next((each for each in self.profile.columns if each.name == self.column), None)
        if dates is None or dates.smallest is None:
            return text + "."
        return f"{text}, which run from {shown(dates.smallest)} to {shown(dates.largest)}."

    def facts(self) -> list[Fact]:
        """How many rows were used."""
        return [Fact(name="rows used", label=None, value=self.used)]


Finding = Annotated[Extreme | Course | Listing | Overview | Sample, Field(discriminator="kind")]


def _pick(
    rows: list[dict[str, JsonValue]], label: str, value: str, pick: str
) -> dict[str, JsonValue]:
    for field, column in (("label", label), ("value", value)):
        if column not in rows[0]:
            columns = ", ".join(rows[0])
            raise ToolError(f"argument '{field}', value '{column}': must be one of {columns}")
    numbers = [
        (number, -place)
        for place, row in enumerate(rows)
        if isinstance(number := row.get(value), int | float)
    ]
    if not numbers:
        raise ToolError(f"argument 'value', value '{value}': the column holds no numbers")
    if pick == "max":
        return rows[-max(numbers)[1]]
    smallest = min(number for number, _ in numbers)
    return next(row for row in rows if row.get(value) == smallest)


def _fill(sentence: str, words: dict[str, str]) -> str:
    missing = set(PLACEHOLDER.findall(sentence)) - set(words)
    if missing:
        known = ", ".join(sorted(words))
        raise ToolError(f"argument 'sentence', value '{missing.pop()}': must be one of {known}")
    return PLACEHOLDER.sub(lambda found: words[found[1]], sentence)


def _content(column: ColumnProfile) -> str:
    if column.frequent:
        return ", ".join(f"{shown(each.value)} ({each.count})" for each in column.frequent)
    if column.smallest is None:
        return "–"
    span = f"{shown(column.smallest)} to {with_unit(column.largest, column.unit)}"
    return span if column.mean is None else f"{span}, mean {shown(column.mean)}"


def _line(cells: Iterable[object]) -> str:
    texts = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells]
    return "| " + " | ".join(texts) + " |"
