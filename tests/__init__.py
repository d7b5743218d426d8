"""The tests. They share one rule for the whole process, set before gRPC is imported anywhere."""

import os

# gRPC's fork handlers can kill the child that Spark's launcher forks, in a process that has both.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
