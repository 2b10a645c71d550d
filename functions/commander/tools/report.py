"""The tool that answers: Markdown whose every number is computed from the outputs of steps."""

from typing import Annotated

from pydantic import Field, StringConstraints

from functions.commander.tools.chart import Drawn
from functions.commander.tools.context import ToolContext
from functions.commander.tools.findings import Fact, Finding
from functions.commander.tools.registry import ToolArguments, ToolOutput, tool

INSTRUCTIONS = (
    "Answer the question in at most four sentences from the findings below, and from nothing else. "
    "Copy numbers exactly as they stand. Plain text, in the language of the question."
)
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Report(ToolArguments):
    """What to say, in this order; charts are linked at the end."""

    title: Title
    findings: tuple[Finding, ...] = Field(min_length=1, max_length=12)
    charts: tuple[Drawn, ...] = Field(default=(), max_length=4)
    source: Annotated[str, StringConstraints(max_length=400)] = ""


class Answer(ToolOutput):
    """The answer: Markdown, its numbers as data, and whether a model worded the summary."""

    text: str
    facts: tuple[Fact, ...]
    worded_by_model: bool = False


@tool("report")
def report(arguments: Report, context: ToolContext) -> Answer:
    """Write the answer in Markdown: sentences and tables with numbers from steps, and charts."""
    findings = [each.markdown() for each in arguments.findings]
    parts = [f"## {arguments.title}"]
    if context.writer is not None:
        material = f"Question: {context.question}\n\nFindings:\n" + "\n".join(findings)
        parts.append(context.writer(INSTRUCTIONS, material))
    parts += findings
    # By the artifact's name: the ticket lists its artifacts, each with a link that is made anew.
    parts += [f"![{drawn.title}]({drawn.artifact.name})" for drawn in arguments.charts]
    if arguments.source:
        parts.append(f"Source: {arguments.source}")
    return Answer(
        text="\n\n".join(parts),
        facts=tuple(fact for each in arguments.findings for fact in each.facts()),
        worded_by_model=context.writer is not None,
    )
