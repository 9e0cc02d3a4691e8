"""Recorded graphs: the ops that a model calls, as a plain structure."""
