"""Says whether a table, the ledger and a workload agree; shares no code with the product, nor its errors."""
