"""After an answer: whether to offer a follow-up, and which.

`offers` says what there is and when it is possible, `prompts` asks a model for it, `parsing` reads what it answers.
"""
