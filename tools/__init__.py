"""Tools for the people who work on the project; nothing that serves imports them."""
