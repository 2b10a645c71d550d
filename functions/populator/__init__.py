"""Puts a dependency bundle onto the share: streamed, verified, and visible only when complete."""
