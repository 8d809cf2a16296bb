"""``python -m leanglot.cli``."""

from leanglot.cli import main

if __name__ == "__main__":
    main()
