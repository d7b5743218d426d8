"""The ledger: everything the control plane knows, in PostgreSQL; the only place that knows SQL.

Each arrow of the state diagrams is one statement in `sql/`, guarded by the state that it leaves. The modules are named
after what they remember and call each other one way only: leases → files → runs → ingestions.

Locks are taken in one order everywhere: a run's row, then its leases, then files. Time is the database's clock.
"""
