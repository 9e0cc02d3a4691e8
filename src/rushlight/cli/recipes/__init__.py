"""Recipes: known models on known data sets, each a short program to read."""
