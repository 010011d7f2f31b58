"""The receiver: pull, write, sync, commit, acknowledge."""
