"""The harness: records, store, runner, scoring and the command line."""
