"""EventBridge of the local cloud: buses, rules, and delivery that survives a restart."""

from localcloud.eventbridge.service import EventBridge

__all__ = ["EventBridge"]
