"""One machine, no set-up: a PostgreSQL of our own, the control plane, one executor, a warehouse, all in one folder."""
