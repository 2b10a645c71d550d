"""Operation Orchestration Service of the local cloud: secret parameters only."""
