"""The public HTTP API's document: its pieces, and the parts of the services that stand behind the front door."""
