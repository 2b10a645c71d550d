"""One Markdown comment from what was found; empty parts are left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from review.changes import Change
    from review.cost.book import Book, Usage
    from review.cost.reckon import Bill

MARKER = "<!-- agent-commander review -->"
"""Hidden in the comment, so that the next run updates it instead of adding one."""

MARKS = {"added": "+", "changed": "~", "deleted": "−"}
PATHS_SHOWN = 6


@dataclass(frozen=True)
class Finding:
    """What a policy says of one resource, or of the stack when `resource` is empty."""

    policy: str
    level: str
    resource: str
    message: str


@dataclass(frozen=True)
class Artifact:
    """A package that is uploaded, with its bytes on both sides; None where it is not there."""

    name: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class StackReview:
    """One environment: before, after, and what the rules say of after."""

    stack: str
    changes: list[Change]
    before: Bill | None
    after: Bill
    usage: Usage
    findings: list[Finding]
    artifacts: list[Artifact] = field(default_factory=list)

    @property
    def difference(self) -> Decimal:
        """The change of the monthly cost; all of it where the environment is new."""
        return self.after.total - (self.before.total if self.before else Decimal(0))


def markdown(reviews: list[StackReview], book: Book, base: str) -> str:
    """The comment."""
    violations = sum(f.level == "mandatory" for r in reviews for f in r.findings)
    changed = sum(len(r.changes) for r in reviews)
    lines = [
        MARKER,
        f"## Infrastructure review against `{base}`",
        "",
        (
            f"**{changed} resource changes** in {len(reviews)} environments · "
            f"**{violations} policy violations** · {_headline(reviews, book)}"
        ),
    ]
    for review in reviews:
        lines += ["", f"### {review.stack}", "", *_stack(review, book)]
    lines += ["", *_assumptions(reviews, book)]
    return "\n".join(lines).rstrip() + "\n"


def document(reviews: list[StackReview], book: Book, base: str) -> dict[str, Any]:
    """The same as data; amounts are strings of decimals."""
    return {
        "base": base,
        "currency": book.currency,
        "stacks": [
            {
                "stack": review.stack,
                "changes": [
                    {
                        "op": change.op,
                        "urn": change.resource.urn,
                        "type": change.resource.type,
                        "component": change.component,
                        "paths": list(change.paths),
                        "loses_data": change.loses_data,
                    }
                    for change in review.changes
                ],
                "cost": {
                    "before": str(review.before.total) if review.before else None,
                    "after": str(review.after.total),
                    "difference": str(review.difference),
                    "fixed": str(review.after.fixed),
                    "unpriced": sorted({line.item for line in review.after.unpriced}),
                },
                "findings": [vars(finding) for finding in review.findings],
                "artifacts": [vars(artifact) for artifact in review.artifacts],
            }
            for review in reviews
        ],
    }


def _headline(reviews: list[StackReview], book: Book) -> str:
    return " · ".join(f"{r.stack} {_signed(r.difference)} {book.currency}/month" for r in reviews)


def _stack(review: StackReview, book: Book) -> Iterator[str]:
    lost = [change for change in review.changes if change.loses_data]
    if lost:
        names = ", ".join(f"`{change.resource.name}`" for change in lost)
        yield f"> **Data would be lost**: {names} holds data and would be deleted."
        yield ""
    yield from _changes(review.changes)
    yield from _cost(review, book)
    yield from _findings(review.findings)
    yield from _artifacts(review.artifacts)


def _changes(changes: list[Change]) -> Iterator[str]:
    if not changes:
        yield "No resource changes."
        return
    counts = Counter[str](change.op for change in changes)
    said = ", ".join(f"{counts[op]} {op}" for op in MARKS if counts[op])
    yield f"<details><summary>{said}</summary>"
    yield ""
    yield "| | component | resource | what |"
    yield "|---|---|---|---|"
    for change in changes:
        shown = ", ".join(f"`{path}`" for path in change.paths[:PATHS_SHOWN])
        more = len(change.paths) - PATHS_SHOWN
        what = shown + (f" and {more} more" if more > 0 else "")
        kind = change.resource.type.rpartition(":")[2]
        yield (
            f"| {MARKS[change.op]} | {change.component} | {kind} `{change.resource.name}` "
            f"| {what or change.op} |"
        )
    yield ""
    yield "</details>"


def _cost(review: StackReview, book: Book) -> Iterator[str]:
    before = review.before.by_component() if review.before else {}
    after = review.after.by_component()
    yield ""
    yield f"| {book.currency} a month | before | after | difference |"
    yield "|---|---:|---:|---:|"
    for component in sorted(before.keys() | after.keys()):
        old, new = before.get(component, Decimal(0)), after.get(component, Decimal(0))
        yield f"| {component} | {old:.2f} | {new:.2f} | {_signed(new - old)} |"
    total = review.before.total if review.before else Decimal(0)
    name = "at least" if review.after.unpriced else "total"
    yield (
        f"| **{name}** | {total:.2f} | **{review.after.total:.2f}** "
        f"| **{_signed(review.difference)}** |"
    )
    if review.after.unpriced:
        items = ", ".join(f"`{item}`" for item in sorted({u.item for u in review.after.unpriced}))
        yield ""
        yield f"**Not priced, and not zero**: {items}. The totals are lower bounds."


def _findings(findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield "| policy | level | resource | finding |"
    yield "|---|---|---|---|"
    for finding in sorted(findings, key=lambda f: (f.level, f.policy, f.resource)):
        message = " ".join(finding.message.split()).replace("|", "\\|")
        yield f"| {finding.policy} | {finding.level} | `{finding.resource}` | {message} |"


def _artifacts(artifacts: list[Artifact]) -> Iterator[str]:
    changed = [artifact for artifact in artifacts if artifact.before != artifact.after]
    if not changed:
        return
    yield ""
    yield "| artifact | bytes before | after |"
    yield "|---|---:|---:|"
    for artifact in changed:
        before, after = (
            "–" if count is None else f"{count:,}" for count in (artifact.before, artifact.after)
        )
        yield f"| {artifact.name} | {before} | {after} |"


def _assumptions(reviews: list[StackReview], book: Book) -> Iterator[str]:
    yield "<details><summary>Assumptions: usage and prices</summary>"
    yield ""
    names = list(type(reviews[0].usage).model_fields) if reviews else []
    yield "| a month of 30 days | " + " | ".join(review.stack for review in reviews) + " |"
    yield "|---|" + "---:|" * len(reviews)
    for name in names:
        values = " | ".join(str(getattr(review.usage, name)) for review in reviews)
        yield f"| {name.replace('_', ' ')} | {values} |"
    yield ""
    yield f"| price ({book.region}, read {book.read}) | {book.currency} per unit | source, date |"
    yield "|---|---:|---|"
    for item, price in book.prices.items():
        amount = "unpriced" if price.price is None else f"{price.price} / {price.unit}"
        source = f"{price.source} ({price.dated}, {price.mark})" if price.source else price.note
        yield f"| {item} | {amount} | {source} |"
    yield ""
    yield "</details>"


def _signed(amount: Decimal) -> str:
    return f"{amount:+.2f}" if amount else "±0.00"
