"""The Discord bot: what people see, and what of it becomes contexts and rewards."""
