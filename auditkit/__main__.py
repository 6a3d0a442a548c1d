"""`python -m auditkit`, and so `torchrun -m auditkit train ...`."""

from auditkit.cli import main

if __name__ == "__main__":
    main()
