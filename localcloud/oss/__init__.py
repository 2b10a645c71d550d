"""Object storage: buckets and objects, private, behind the real REST interface."""
