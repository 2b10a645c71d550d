"""The pull-request report: what changes, which rules it meets, what it costs."""
