"""The REST API, version 10: one table of routes, and a function for each that reads the call and changes the world."""
