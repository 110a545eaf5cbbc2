"""One rule a module: values in, a verdict out."""
