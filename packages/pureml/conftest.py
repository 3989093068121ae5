"""The examples are programs, not modules: collecting their doctests would run them."""

collect_ignore = ["examples"]
