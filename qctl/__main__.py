"""`python -m qctl`: the command line, where the script is not on the path."""

from qctl.cli.app import main

if __name__ == "__main__":
    main()
