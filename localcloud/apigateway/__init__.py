"""API Gateway of the local cloud: groups, APIs, apps, plugins, and the WebSocket channel.

Not here, because one loopback port has no certificate and no name of its own: TLS (a call over
plain HTTP counts as HTTPS), group domains (the APIs of all groups answer at the one port), custom
domains, and every plugin type but ``jwtAuth`` and ``trafficControl``. What is asked for and not
here is refused by name.
"""
