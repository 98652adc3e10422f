"""What containers of Croupier are made of, and what runs beside the process in one."""
