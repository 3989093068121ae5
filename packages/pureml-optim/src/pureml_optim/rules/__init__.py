"""The update rules, one a file."""
