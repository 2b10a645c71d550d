"""The settings of an environment: documented fields, secure defaults, rules across fields."""

from stack.settings.load import load_settings, parse_settings
from stack.settings.root import CloudSettings, Settings

__all__ = ["CloudSettings", "Settings", "load_settings", "parse_settings"]
