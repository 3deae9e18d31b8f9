"""Decisions: what a document says, what covers what, what a call is granted.

Pure, like `core`: text and values in, values or errors out. Reading files, clocks and the
environment is other packages' work.
"""
