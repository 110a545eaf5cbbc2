"""The port on aiokafka 0.14. The library's errors are translated here and nowhere else."""

from shared.kafka.aio.cluster import AioCluster

__all__ = ["AioCluster"]
