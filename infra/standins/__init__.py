"""Services of others, on this machine: small, over real sockets, true to their documentation (docs/standins.md)."""
