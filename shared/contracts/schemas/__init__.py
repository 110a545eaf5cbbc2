"""A JSON Schema of every released event, made from the structs, and the gate that keeps a released version as it is."""
