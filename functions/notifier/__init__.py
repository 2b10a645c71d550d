"""Tells clients what happened to their tickets, and, by a timer, sweeps up tickets that stopped."""
