"""All rules. A rule is a pure function over plain properties; what it is about stands beside it."""

from policies.rules.functions import FUNCTION_RULES, FUNCTION_STACK_RULES
from policies.rules.housekeeping import HOUSEKEEPING_RULES
from policies.rules.identity import IDENTITY_RULES
from policies.rules.model import ResourceRule, StackRule
from policies.rules.network import NETWORK_RULES
from policies.rules.storage import STORAGE_RULES

RESOURCE_RULES: tuple[ResourceRule, ...] = (
    *IDENTITY_RULES,
    *NETWORK_RULES,
    *STORAGE_RULES,
    *FUNCTION_RULES,
    *HOUSEKEEPING_RULES,
)
STACK_RULES: tuple[StackRule, ...] = (*FUNCTION_STACK_RULES,)

__all__ = ["RESOURCE_RULES", "STACK_RULES"]
