"""Benchmarks of cyprop beside what people use today; run as ``python -m benchmarks``."""
