"""The programs that are measured: each a module that moves records until its standard input ends (`job`)."""
