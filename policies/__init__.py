"""The policy pack: what a review of this stack refuses, and why."""
