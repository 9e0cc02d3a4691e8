"""Exact resume: what a run is and where it stands, written down and taken up again."""
