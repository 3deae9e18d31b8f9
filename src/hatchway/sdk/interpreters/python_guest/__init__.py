"""What runs inside the Python interpreter; nothing here is for this side of the sandbox."""
