"""Modules from torch and to torch, in a process that has it."""
