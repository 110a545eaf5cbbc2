"""What accounts may charge for, and through whose agreement."""
