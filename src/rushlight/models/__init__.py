"""Known architectures, whose state dicts have the names of the originals."""
