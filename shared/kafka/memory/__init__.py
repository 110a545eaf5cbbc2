"""The port in memory, for tests: one process, one loop, the same promises as a broker."""

from shared.kafka.memory.cluster import MemoryCluster

__all__ = ["MemoryCluster"]
