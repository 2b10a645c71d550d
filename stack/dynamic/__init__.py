"""The three actions of a deployment that the provider has no resource for, as small dynamic resources."""
