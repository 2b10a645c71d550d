"""The actions of a deployment that the provider has no resource for."""
