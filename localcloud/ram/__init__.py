"""Resource Access Management: roles, policies, keys, and who may do what."""

from localcloud.ram.keys import Credentials
from localcloud.ram.ram import Principal, Ram

__all__ = ["Credentials", "Principal", "Ram"]
