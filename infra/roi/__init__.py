"""What the learned decisions are worth in money: from a plan file and the outcomes log to ROI with intervals.

`plan` reads the file, `worth` measures what an interaction earns more than under the baseline (doubly robust, with an
interval that holds at every moment), `finance` makes returns of it, `answer` puts them together.
"""
