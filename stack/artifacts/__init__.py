"""Packaging: the same input gives the same bytes, whoever builds, wherever and whenever."""
