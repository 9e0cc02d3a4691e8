"""The layers that the checker is tried on are data, not tests."""

collect_ignore = ["correct", "mutants", "styles"]
