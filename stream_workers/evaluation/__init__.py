"""What a policy is worth: `progressive` estimates while the stream runs, `estimators` over logged arrays.

`confidence` gives the time-uniform intervals that both report.
"""
