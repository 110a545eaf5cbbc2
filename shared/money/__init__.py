"""Amounts in øre, unit prices as decimals, months of the calendar in Europe/Oslo."""
