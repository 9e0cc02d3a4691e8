"""Torch's files of tensors (.pt, .pth), read and written without torch and without running code.

The doors are `reading.load_torch_file` and `writing.save_torch_file`, each imported where it is
used: who reads need not load what writes.
"""
