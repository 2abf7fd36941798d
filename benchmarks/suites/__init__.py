"""The suites: each a module with main(arguments), which `python -m benchmarks NAME` runs."""
