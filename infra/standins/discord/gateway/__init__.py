"""The gateway: connections, sessions that outlive them, and which events they get."""
