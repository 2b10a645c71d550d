"""Function Compute of the local cloud: functions as real processes, by the platform's contract."""

from localcloud.fc.compute import FunctionCompute
from localcloud.fc.model import InstanceInfo, InvocationRecord, InvokeResult

__all__ = ["FunctionCompute", "InstanceInfo", "InvocationRecord", "InvokeResult"]
