"""Message Service of the local cloud: queues, where dead letters end."""

from localcloud.mns.queues import Message, Queues

__all__ = ["Message", "Queues"]
