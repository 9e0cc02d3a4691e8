"""How near Rushlight is to PyTorch: torch's own database of modules, run through both.

`python -m tests.parity` prints the table, `--write` renews docs/parity.md, `--check` says whether
that page is current; `--only Linear,GRU` runs these modules alone and prints what went wrong.
Needs torch 2.13 and expecttest (which torch's database imports).
"""
