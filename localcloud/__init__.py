"""The embedded Alibaba Cloud: one process, loopback only, state in one directory."""
