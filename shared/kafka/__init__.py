"""The consumer kit: exactly-once and at-least-once stages over Kafka. It knows records, not our events."""
