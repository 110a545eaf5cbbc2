"""The operator `test`: where test messages go, and nothing else."""
