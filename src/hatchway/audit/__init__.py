"""Static reading of artifacts: nothing here compiles or runs what it reads."""
