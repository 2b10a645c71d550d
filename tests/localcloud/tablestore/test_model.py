"""The store against a plain model, and against being killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from localcloud.core.clock import ManualClock
from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError
from localcloud.tablestore import Tablestore
from localcloud.tablestore.filters import Comparator, Single
from localcloud.tablestore.model import (
    Change,
    ChangeType,
    Condition,
    Edge,
    Expect,
    Selection,
    Write,
    WriteType,
)
from tests.localcloud.tablestore.bench import INSTANCE

NUMBERS = st.integers(-2, 2)
COLUMNS = st.sampled_from("ab")
VALUES = st.one_of(st.integers(-3, 3), st.sampled_from(["x", "y"]))
PUTS = st.dictionaries(COLUMNS, VALUES, max_size=2)
BOUNDS = ([("id", "t"), ("n", Edge.MIN)], [("id", "t"), ("n", Edge.MAX)])


class Rows(RuleBasedStateMachine):
    """Every write is tried on a dictionary too."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._config = CloudConfig(state_dir=Path(self._folder.name))
        self._store = Tablestore(self._config, ManualClock())
        self._store.create_instance(INSTANCE)
        self._store.create_table(INSTANCE, "t", [("id", "STRING"), ("n", "INTEGER")])
        self._model: dict[int, dict[str, Any]] = {}

    def teardown(self) -> None:
        self._store.close()
        self._folder.cleanup()

    def _write(self, write: Write, expected: bool) -> None:
        try:
            self._store.write_row(INSTANCE, "t", write)
        except CloudError as error:
            assert error.code == "OTSConditionCheckFail"
            assert not expected
        else:
            assert expected

    @rule(number=NUMBERS, values=PUTS, expect=st.sampled_from(list(Expect)))
    def put(self, number: int, values: dict[str, Any], expect: Expect) -> None:
        changes = tuple(Change(ChangeType.PUT, name, value) for name, value in values.items())
        write = Write(WriteType.PUT, [("id", "t"), ("n", number)], changes, Condition(expect))
        there = number in self._model
        passes = {Expect.IGNORE: True, Expect.EXIST: there, Expect.NOT_EXIST: not there}[expect]
        self._write(write, passes)
        if passes:
            self._model[number] = dict(values)

    @rule(number=NUMBERS, put=PUTS, gone=COLUMNS, value=VALUES, missing=st.booleans())
    def update(
        self, number: int, put: dict[str, Any], gone: str, value: Any, missing: bool
    ) -> None:
        changes = (
            Change(ChangeType.DELETE_ALL, gone),
            *(Change(ChangeType.PUT, name, new) for name, new in put.items()),
        )
        condition = Condition(
            Expect.IGNORE, Single("a", Comparator.EQUAL, value, pass_if_missing=missing)
        )
        write = Write(WriteType.UPDATE, [("id", "t"), ("n", number)], changes, condition)
        old = self._model.get(number)
        passes = old["a"] == value if old and "a" in old else missing
        self._write(write, passes)
        if passes and (old is not None or put):
            kept = {name: known for name, known in (old or {}).items() if name != gone}
            self._model[number] = kept | put

    @rule(number=NUMBERS, expect=st.sampled_from([Expect.IGNORE, Expect.EXIST]))
    def delete(self, number: int, expect: Expect) -> None:
        write = Write(WriteType.DELETE, [("id", "t"), ("n", number)], condition=Condition(expect))
        passes = expect is Expect.IGNORE or number in self._model
        self._write(write, passes)
        if passes:
            self._model.pop(number, None)

    @rule()
    def restart(self) -> None:
        self._store.close()
        self._store = Tablestore(self._config, ManualClock())

    @invariant()
    def same(self) -> None:
        for forward in (True, False):
            bounds = BOUNDS if forward else (BOUNDS[1], BOUNDS[0])
            page = self._store.get_range(
                INSTANCE, "t", bounds, Selection(max_versions=1), forward=forward
            )
            found = [
                (
                    row.key[1],
                    {name: next(iter(cells.values())) for name, cells in row.cells.items()},
                )
                for row in page.rows
            ]
            assert found == sorted(self._model.items(), reverse=not forward)


TestRows = Rows.TestCase
TestRows.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)

WRITER = """
    import sys
    from pathlib import Path
    from localcloud.core.clock import SystemClock
    from localcloud.core.config import CloudConfig
    from localcloud.tablestore import Tablestore
    from localcloud.tablestore.model import Change, ChangeType, Write, WriteType

    store = Tablestore(CloudConfig(state_dir=Path(sys.argv[1])), SystemClock())
    store.create_instance("agent-test")
    store.create_table("agent-test", "t", [("id", "STRING"), ("n", "INTEGER")])
    for number in range(1_000_000):
        change = Change(ChangeType.PUT, "v", "x" * 3000)
        write = Write(WriteType.PUT, [("id", "t"), ("n", number)], (change,))
        store.write_row("agent-test", "t", write)
        print(number, flush=True)
"""


def test_what_was_answered_outlives_a_kill(tmp_path: Path, project: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)],
        cwd=project,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    answered = [int(writer.stdout.readline()) for _ in range(50)]
    writer.kill()
    answered += [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.stdout.close()
    writer.wait()
    store = Tablestore(CloudConfig(state_dir=tmp_path), ManualClock())
    page = store.get_range(INSTANCE, "t", BOUNDS, Selection(max_versions=1))
    found = [row.key[1] for row in page.rows]
    # One more may have been written whose answer was on its way.
    assert found[: len(answered)] == answered
    assert len(found) - len(answered) <= 1
    store.close()
