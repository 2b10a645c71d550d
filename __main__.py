"""The Pulumi program: everything about the selected environment. See `stack/`."""

from stack.program import run

run()
