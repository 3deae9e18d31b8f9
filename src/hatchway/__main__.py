"""`python -m hatchway`."""

from hatchway.cli.main import run

if __name__ == "__main__":
    run()
