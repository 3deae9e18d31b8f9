"""Where security events go, and how they are read again."""
