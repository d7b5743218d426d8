"""The `autoloader` command: the services, the one-machine mode, and a client for any server."""
