"""The command line: one command, one module. Data on stdout, words on stderr."""
