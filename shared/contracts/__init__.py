"""What crosses a boundary between services: events, topics, states, codes."""
