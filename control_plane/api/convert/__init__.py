"""The words of the domain as protobuf messages, and back; one module a noun."""
