"""`python -m sahelclf`."""

from sahelclf.cli import main

raise SystemExit(main())
