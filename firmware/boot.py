"""Runs before main.py at every start. Nothing is needed here."""
