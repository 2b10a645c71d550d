"""The pack as Pulumi runs it: `pulumi preview --policy-pack policies`."""

import sys
from pathlib import Path

# A pack is run from its own folder; the rules are a package of the project.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policies.adapter import serve

serve()
