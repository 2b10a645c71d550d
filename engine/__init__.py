"""Runs an unmodified Pulumi Python program over Pulumi's own gRPC protocols, without the CLI.

The Python SDK talks to whatever listens on the ``ResourceMonitor`` and ``Engine`` services, whose
message types ship inside the PyPI package (``pulumi.runtime.proto``). This package listens there:
``engine.preview`` shows what a deployment would do and needs no credentials, ``engine.deploy`` does
it against a ``Provider`` in this process. Against a real account the real ``pulumi`` CLI is the
only way.
"""
