"""One machine, no set-up: a PostgreSQL of our own, the control plane, one executor, a warehouse.

All of their state is kept in one folder.
"""
