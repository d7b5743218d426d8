"""Measurements, printed and never asserted on time. Each module runs alone: `python -m tests.bench.ledger`."""
