"""Where files are: one protocol (source.py), one file a kind of store, and the table of kinds
(registry.py).
"""
