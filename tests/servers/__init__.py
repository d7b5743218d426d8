"""Servers that tests run against: real ones where they can be had, each one file."""
