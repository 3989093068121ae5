"""The generated pages of pureml-core's documentation; `tools/build_docs.py` writes and checks them."""
