"""Requests, periods, holds and proof, for the front door alone."""
