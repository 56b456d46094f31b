"""The badge's application."""
