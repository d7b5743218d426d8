"""The doors: gRPC and HTTP. They translate and never decide; nothing else knows protobuf."""
