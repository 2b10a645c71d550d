"""The commander's tools: what a step of a plan can do.

To add a tool, write a module in this package with a function under the decorator `tool`, and name
the module in `functions.commander.tools.builtin`:

    class Arguments(ToolArguments):
        table: TableReference
        column: str

    class Output(ToolOutput):
        median: float

    @tool("median", imports=("pandas",))
    def median(arguments: Arguments, context: ToolContext) -> Output:
        \"\"\"The median of a numeric column of a table.\"\"\"
        return Output(median=float(context.tables.load(arguments.table)[arguments.column].median()))

Planners see the name, the docstring and the schema of the arguments. Import heavy libraries inside
the function or in a module of its own that the function imports, and name them in `imports`, so
that they are fetched while the planner still thinks. A step may run more than once: a tool with
effects outside must hand on `context.idempotency_key`. What cannot succeed by trying again is
raised as `ToolError`; any other exception is tried again.
"""
