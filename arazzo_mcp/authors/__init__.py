"""What helps those who write documents: rules, the linter, charts, and runs that send nothing."""
