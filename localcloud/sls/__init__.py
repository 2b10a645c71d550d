"""Log Service of the local cloud: projects, logstores, lines that can be read back."""

from localcloud.sls.logs import LogLine, LogService

__all__ = ["LogLine", "LogService"]
