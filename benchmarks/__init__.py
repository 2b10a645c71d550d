"""Figures as ratios: every case is measured beside its baseline in one run."""
