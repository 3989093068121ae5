"""The generated page of pureml-optim: its rules, and a picture of their paths."""
