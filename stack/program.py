"""The program: settings, one stack, its outputs."""

from __future__ import annotations

from dataclasses import fields

import pulumi

from stack.agent_stack import AgentStack
from stack.settings import load_settings


def run() -> None:
    """Declare everything about the selected environment.

    Raises:
        pulumi.RunError: a setting is wrong, or a file that the program reads; the message says
        which and why.
    """
    settings, model_key = load_settings()
    try:
        agent = AgentStack(name="agent", settings=settings, model_key=model_key)
    except ValueError as error:
        # Files of the project that cannot be read; everything else is a fault of ours and keeps its
        # traceback.
        raise pulumi.RunError(str(error)) from error
    for field in fields(agent.outputs):
        pulumi.export(field.name, getattr(agent.outputs, field.name))
