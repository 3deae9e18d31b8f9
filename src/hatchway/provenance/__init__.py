"""What was admitted, exactly: the lockfile, and later signatures and trust."""
