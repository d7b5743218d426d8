"""What happens around every call, one class a file; server.py puts them in order."""
