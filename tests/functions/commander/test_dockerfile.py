"""The Dockerfile makes the image that the project lays out by itself."""

from __future__ import annotations

import json
from pathlib import Path

from stack.artifacts.image import make_image


def test_the_dockerfile_says_what_the_image_says(project: Path) -> None:
    lines = (project / "functions/commander/Dockerfile").read_text().splitlines()
    said = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    copied = {line.split()[-1] for line in lines if line.startswith("COPY")}
    config = json.loads(make_image(project).blobs[0].content)["config"]
    assert json.loads(said["ENTRYPOINT"]) == config["Entrypoint"]
    assert said["WORKDIR"] == config["WorkingDir"]
    assert said["ENV"] in config["Env"]
    assert said["FROM"] == "${BASE}"
    assert copied == {"functions/", "functions/common", "functions/commander"}
