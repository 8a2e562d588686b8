"""How fast letters leave, side by side with others in one run: `make bench`, `python -m benchmarks --help`.

Everything is a ratio of contestants that took turns on the same machine; the sink counts, never the sender.
"""
