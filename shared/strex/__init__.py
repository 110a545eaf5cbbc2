"""What both ends of the line to Strex must agree on."""
