"""The use cases, Request → Result: one code path for Python, the command line and pages."""
