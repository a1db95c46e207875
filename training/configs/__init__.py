"""One run a file: its docstring gives the command, the time and the number that it reaches."""
