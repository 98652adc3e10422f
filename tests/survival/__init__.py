"""The bot among faults of everything around it: whether every question is answered once, and no feedback lost."""
