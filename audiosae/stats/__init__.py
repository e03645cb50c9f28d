"""Intervals over recordings, and tests corrected for their number."""
