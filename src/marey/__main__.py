"""Where `marey` and `python -m marey` begin: the rest is loaded where an interrupt is answered."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    try:
        from marey import cli  # noqa: PLC0415

        cli.main(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("marey: interrupted; nothing half-written is left behind\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
