"""What a cold start spends on imports, each case in a fresh process beside the bare interpreter.

Nothing is modelled. Not measured here: the sandbox, the image, the network.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BASELINE = "interpreter with http.client"
CASES = {
    BASELINE: "import http.client",
    "dispatcher": "import functions.dispatcher.handler",
    "notifier": "import functions.notifier.handler",
    "commander, light path": "import functions.commander.server",
    "commander's tools: pandas": "import pandas",
    "commander's tools: pandas, matplotlib": "import pandas, matplotlib.pyplot",
    "official SDK: Tablestore": "import tablestore",
    "official SDK: Function Compute": "import alibabacloud_fc20230330.client",
}
COUNT = "; import sys; print(len(sys.modules))"


@dataclass(frozen=True)
class Result:
    """One case.

    Attributes:
        median_ms: wall time of the whole process, from its start to its end.
        ratio: to the baseline's median in the same run.
        modules: how many modules were loaded.
    """

    case: str
    median_ms: float
    least_ms: float
    most_ms: float
    ratio: float
    modules: int


def measure(project: Path, runs: int) -> list[Result]:
    """Measure every case in turn, `runs` times after one that is not counted."""
    times: dict[str, list[float]] = {case: [] for case in CASES}
    modules: dict[str, int] = {}
    # Compiled files are part of a deployment, whatever the environment of this process says.
    hidden = {"PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    for run in range(runs + 1):
        for case, code in CASES.items():
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", code + COUNT],
                cwd=project,
                check=True,
                capture_output=True,
                text=True,
                env=environment,
            )
            if run:
                times[case].append((time.perf_counter() - began) * 1000)
            modules[case] = int(done.stdout)
    base = statistics.median(times[BASELINE])
    return [
        Result(
            case=case,
            median_ms=round(statistics.median(found), 1),
            least_ms=round(min(found), 1),
            most_ms=round(max(found), 1),
            ratio=round(statistics.median(found) / base, 2),
            modules=modules[case],
        )
        for case, found in times.items()
    ]


def as_json(results: list[Result]) -> str:
    """The results as JSON."""
    return json.dumps([asdict(result) for result in results], indent=2) + "\n"
