"""How a script talks to its user, to files and to processes."""
