"""`python -m redlane`."""

from redlane.cli import main

if __name__ == "__main__":
    main()
